"""What a linear map of the raw observations tells of the latents: the score without an encoder."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd
from torch import Tensor

from ssl_lib.papers import chapter
from ssl_lib.papers.diet import latents
from ssl_lib.papers.diet.settings import WORLDS

__all__ = ["r2"]


class _Unchanged(latents.Model):
    """A model whose features are the observations."""

    def features(self, seen: Tensor) -> Tensor:
        """Return the observations as they are."""
        return seen


@lru_cache(maxsize=512)
def _of(world: str, seed: int) -> float:
    drawn = latents.Data.draw(WORLDS[world], seed)
    return latents.measure(drawn, _Unchanged(drawn.world, seed), seed)["latents"]


def r2(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return R2 of the latents from observations, on the samples that judged the encoders.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``latents``, which says which worlds and seeds.
    seed : int, default=0
        From which its seeds derive.

    Returns
    -------
    pandas.DataFrame
        Rows seeds, columns worlds, as of :func:`ssl_lib.papers.diet.measures.final_r2`.
    """
    numbers = sorted(table.seed.unique())
    keys = chapter.seeds("diet", seed, max(numbers) + 1)
    found = {world: [_of(world, keys[n]) for n in numbers] for world in table.world.unique()}
    return pd.DataFrame(found, index=pd.Index(numbers, name="seed"))
