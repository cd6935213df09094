"""The chapter's measured tables, each computed once and kept in the store."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ssl_lib.papers.police import affinity, timing, training
from ssl_lib.papers.police.settings import Settings
from ssl_lib.papers.police.training import Run
from ssl_lib.profiles import choose
from ssl_lib.results import Result, Store

__all__ = ["Tables", "Trained"]

DEPTHS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Trained:
    """The runs of a figure and their weights."""

    runs: list[Run]
    result: Result

    @property
    def constrained(self) -> list[Run]:
        """The runs with the constraint."""
        return [run for run in self.runs if run.constrained]


class Tables:
    """What the chapter computes; each attribute is computed, or read, when it is first used.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        By default that in the user's cache.
    """

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self.settings = settings
        self.store = Store() if store is None else store

    def _train(self, name: str, runs: list[Run]) -> Trained:
        config = training.config(self.settings, runs)
        return Trained(runs, self.store.table(f"police-{name}", training.train_all, config))

    @cached_property
    def classification(self) -> Trained:
        """Figure 1."""
        return self._train("classification", training.classification(self.settings))

    @cached_property
    def regression(self) -> Trained:
        """Figure 2."""
        return self._train("regression", training.regression(self.settings))

    @cached_property
    def evolution(self) -> Trained:
        """Figure 3."""
        return self._train("evolution", training.evolution(self.settings))

    @cached_property
    def several(self) -> Trained:
        """Three regions at once."""
        return self._train("several", training.several(self.settings))

    @property
    def trainings(self) -> list[Trained]:
        """All of them."""
        return [self.classification, self.regression, self.evolution, self.several]

    @cached_property
    def by_depth(self) -> Result:
        """Errors of affinity of initial networks."""
        count = choose(self.settings.profile, smoke=1, quick=3, standard=10, paper=10)
        width = choose(self.settings.profile, smoke=16, quick=64, standard=128, paper=256)
        config = {
            "depths": list(DEPTHS), "regions": ["triangle", "square", "circle"], "width": width,
            "networks": count, **self._shared,
        }  # fmt: skip
        return self.store.table("police-depth", affinity.by_depth, config)

    @cached_property
    def ties(self) -> Result:
        """Two ways to count votes."""
        regions = ["triangle", "square", "polygon", "circle"]
        config = {"regions": regions, "width": 64, "depth": 4, "seed": self.settings.seed}
        return self.store.table("police-ties", affinity.ties, config)

    @cached_property
    def architectures(self) -> Result:
        """Kinds of layers."""
        return self.store.table("police-architectures", affinity.architectures, self._shared)

    @cached_property
    def optimisers(self) -> Result:
        """Ways to train."""
        steps = choose(self.settings.profile, smoke=3, quick=80, standard=200, paper=400)
        config = {"width": 16, "steps": steps, "side": 20, **self._shared}
        return self.store.table("police-optimisers", affinity.optimisers, config)

    @cached_property
    def timing(self) -> Result:
        """Slowdowns."""
        config = timing.config(self.settings)
        return self.store.table("police-timing", timing.slowdowns, config)

    @property
    def all(self) -> list[Result]:
        """Every table."""
        others = [self.by_depth, self.ties, self.architectures, self.optimisers, self.timing]
        return [part.result for part in self.trainings] + others

    @property
    def _shared(self) -> dict[str, Any]:
        return {"seed": self.settings.seed, "sign": self.settings.sign}
