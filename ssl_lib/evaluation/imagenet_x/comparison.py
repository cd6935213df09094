"""Two models on the same images: whether one is more fragile to a factor than the other."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.evaluation.imagenet_x.bootstrap import (
    factor_patterns,
    influence,
    quantiles,
    resampled_error_ratios,
)
from ssl_lib.evaluation.imagenet_x.scoring import Scored
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS
from ssl_lib.randomness import numpy_generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PairedDifference", "benjamini_hochberg", "holm", "paired_difference"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairedDifference:
    """Difference of two models' error ratios, first minus second; arrays (k,) by factor.

    Attributes
    ----------
    first, second : str
        Names of the models.
    images : int
        Images that both have a score on.
    difference, low, high, sd : float64 arrays (k,)
        Estimate, bootstrap interval, delta-method standard error.
    p_value, holm, benjamini_hochberg : float64 arrays (k,)
        Two-sided, from ``difference / sd``; then corrected for k tests.
    """

    first: str
    second: str
    images: int
    difference: Floats
    low: Floats
    high: Floats
    sd: Floats
    p_value: Floats
    holm: Floats
    benjamini_hochberg: Floats

    def to_frame(self) -> "pd.DataFrame":
        """Return a row a factor."""
        import pandas as pd

        names = FACTORS if len(self.difference) == len(FACTORS) else range(len(self.difference))
        fields = [field.name for field in dataclasses.fields(self)[3:]]
        columns = {field: getattr(self, field) for field in fields}
        return pd.DataFrame(columns, index=pd.Index(names, name="factor"))


def paired_difference(
    scored: Scored,
    first: str,
    second: str,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """Compare the error ratios of two models, image by image.

    Images are resampled jointly: a multinomial draw over the cells (factors, first right?, second
    right?). Models that share most mistakes are thus told apart with far fewer images than two
    separate intervals would need.

    Parameters
    ----------
    scored : Scored
        Contains both models.
    first, second : str
        Their names.
    replicates, level, seed
        As in :func:`bootstrap_error_ratio`.

    Returns
    -------
    PairedDifference
        NaN for a factor without images, or when a model makes no mistake.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import Predictions, human, load_annotations, score
    >>> table = load_annotations()
    >>> twin = Predictions(name="twin", image_ids=table.image_ids, classes=table.labels)
    >>> scored = score([human(table), twin], table, scoring="real")
    >>> float(abs(paired_difference(scored, "human", "twin").difference).max())
    0.0
    """
    if replicates < 2 or not 0 < level < 1:
        raise InputError("replicates must be at least 2 and level between 0 and 1")
    pair = scored.select([first, second])
    patterns, index = factor_patterns(pair.table.factors)
    cells = _joint_cells(pair, index, len(patterns))
    resampled = _resample(cells, patterns, replicates, seed, first, second)
    low, high = quantiles(resampled, level)
    difference = _differences(cells[None], patterns)[0]
    sd = np.sqrt(_variance(cells, patterns))
    p_value = _two_sided(difference, sd)
    return PairedDifference(
        first=first,
        second=second,
        images=int(cells.sum()),
        difference=difference,
        low=low,
        high=high,
        sd=sd,
        p_value=p_value,
        holm=holm(p_value),
        benjamini_hochberg=benjamini_hochberg(p_value),
    )


def _joint_cells(pair: Scored, index: Array, size: int) -> Array:
    """Return images by pattern, first wrong?, second wrong?: int64 (K, 2, 2)."""
    both = pair.valid_mask().all(axis=0)
    cell = 4 * index + 2 * ~pair.correct[0] + ~pair.correct[1]
    return np.bincount(cell[both], minlength=4 * size).reshape(size, 2, 2)


def _differences(cells: Array, patterns: Array) -> Floats:
    """Return ER(first) - ER(second) from cell counts (r, K, 2, 2): (r, k)."""
    first, second = cells.sum(axis=3), cells.sum(axis=2)
    return (
        resampled_error_ratios(first[..., 0], first[..., 1], patterns)[0]
        - resampled_error_ratios(second[..., 0], second[..., 1], patterns)[0]
    )


def _resample(cells: Array, patterns: Array, replicates: int, seed: int, *names: str) -> Floats:
    flat = cells.reshape(-1)
    filled = np.flatnonzero(flat)
    draws = np.zeros((replicates, flat.size))
    if filled.size:
        generator = numpy_generator(seed, "imagenet_x", "paired", *names)
        share = flat[filled] / flat.sum()
        draws[:, filled] = generator.multinomial(flat.sum(), share, size=replicates)
    return _differences(draws.reshape(replicates, *cells.shape), patterns)


def _variance(cells: Array, patterns: Array) -> Floats:
    """Return the delta-method variance of the difference (k,)."""
    first, second = cells.sum(axis=2), cells.sum(axis=1)
    of_first = influence(first[:, 0], first[:, 1], patterns)
    of_second = influence(second[:, 0], second[:, 1], patterns)
    variance = np.zeros(patterns.shape[1])
    for a in (0, 1):
        for b in (0, 1):
            variance += (cells[:, a, b, None] * (of_first[a] - of_second[b]) ** 2).sum(axis=0)
    return variance


def _two_sided(difference: Floats, sd: Floats) -> Floats:
    from scipy import special

    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * special.ndtr(-np.abs(difference / sd))
    # No difference and no spread: the two models agree on every image that counts.
    return np.where((difference == 0) & (sd == 0), 1.0, p)


def holm(p_values: Array) -> Floats:
    """Return p-values corrected so that any false discovery is rare (Holm, 1979).

    NaN entries are no tests: they stay NaN and do not count.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, np.nan, 0.03]))
    array([0.03, 0.06,  nan, 0.06])
    """
    p, order, adjusted = _sorted(p_values)
    steps = np.maximum.accumulate(p * np.arange(len(p), 0, -1))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def benjamini_hochberg(p_values: Array) -> Floats:
    """Return p-values corrected for the share of false discoveries (Benjamini, Hochberg, 1995).

    NaN entries are no tests: they stay NaN and do not count.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.03]))
    array([0.03, 0.04,  nan, 0.04])
    """
    p, order, adjusted = _sorted(p_values)
    steps = (p * len(p) / np.arange(1, len(p) + 1))[::-1]
    adjusted[order] = np.minimum(np.minimum.accumulate(steps)[::-1], 1)
    return adjusted


def _sorted(p_values: Array) -> tuple[Floats, Array, Floats]:
    """Return the tests in ascending order, where they belong, and an array to fill."""
    p = np.asarray(p_values, dtype=np.float64)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    return p[order], order, np.full(p.shape, np.nan)
