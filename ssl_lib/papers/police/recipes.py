"""Which networks each profile trains, and how."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import pandas as pd
from torch import Tensor

from ssl_lib.papers.police import problems
from ssl_lib.papers.police.settings import Settings
from ssl_lib.profiles import choose

__all__ = ["Network", "Recipe", "networks", "pictured", "recipes"]

#: What narrow networks can fit: not the spiral, whose waves are the shortest.
THREE = (("wave", "triangle"), ("rays", "polygon"), ("wave", "circle"))
NINE = tuple((t, r) for t in problems.TARGETS for r in ("triangle", "polygon", "circle"))
#: The updates after which the paper's third figure shows a network; the last is added.
SHOWN = (0, 6, 21, 61)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Which network of a figure.

    Attributes
    ----------
    figure : {"classification", "regression", "evolution", "several"}
        Figures 1 to 3 of the paper, and the chapter's own with several regions.
    problem : {"stars", "wave", "rays", "spiral"}
    region : str
        See :func:`ssl_lib.papers.police.problems.polygons`.
    constrained : bool
        Else the region is only where the network is looked at.
    """

    figure: str
    problem: str
    region: str
    constrained: bool = True

    @classmethod
    def of(cls, cell: Mapping[str, Any]) -> Self:
        """Return the network of a cell, whose seed is left out."""
        return cls(**{name: value for name, value in cell.items() if name != "seed"})

    def cell(self, seed: int) -> dict[str, Any]:
        """Return the cell of this network with a seed."""
        return {**asdict(self), "seed": seed}

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table that are about this network."""
        same = pd.concat([table[name] == value for name, value in asdict(self).items()], axis=1)
        own: pd.DataFrame = table[same.all(axis=1)]
        return own

    @property
    def twin(self) -> Self:
        """The same network with the constraint, or without it."""
        return replace(self, constrained=not self.constrained)

    @property
    def title(self) -> str:
        """What readers call it."""
        return f"{self.problem} on {self.region}"

    @property
    def polygons(self) -> list[Tensor]:
        """The polygons that make up its region."""
        return problems.polygons(self.region)

    @property
    def half(self) -> float:
        """Half the side of the square that is drawn: the paper's."""
        return 1.8 if self.problem == "stars" else 4.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the networks of a figure are trained, whatever the seed.

    Attributes
    ----------
    width, depth : int
        Of the hidden layers.
    points : int
        Of each class, or along the side of the grid.
    steps : int
        Of full-batch AdamW.
    learning_rate, weight_decay : float
    phases : int
        The learning rate is multiplied by 0.3 between two of so many equal parts.
    keep : tuple of int
        After which updates its error of affinity is measured.
    shown : tuple of int
        After which updates its weights are kept for pictures, besides the last.
    """

    width: int
    depth: int = 4
    points: int
    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    phases: int = 3
    keep: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()


def recipes(settings: Settings) -> dict[str, Recipe]:
    """Return how the networks of each figure are trained; at paper as in the released scripts.

    Examples
    --------
    >>> recipes(Settings(profile="paper"))["regression"].width
    256
    """
    regression = _regression(settings)
    return {
        "classification": _classification(settings),
        "regression": regression,
        "evolution": _evolution(regression),
        "several": regression,
    }


def _classification(settings: Settings) -> Recipe:
    chosen = choose(
        settings.profile,
        smoke=Recipe(width=16, points=64, steps=12, learning_rate=1e-2),
        quick=Recipe(width=64, points=512, steps=1000, learning_rate=1e-2),
        standard=Recipe(width=128, points=1024, steps=2000, learning_rate=1e-3),
        paper=Recipe(width=128, points=1024, steps=2000, learning_rate=1e-3),
    )
    return _own(settings, replace(chosen, depth=3, weight_decay=1e-5, phases=4))


def _regression(settings: Settings) -> Recipe:
    """Small networks that are trained shortly need larger steps than the paper's."""
    chosen = choose(
        settings.profile,
        smoke=Recipe(width=16, points=12, steps=12, learning_rate=1e-2),
        quick=Recipe(width=64, points=40, steps=1500, learning_rate=5e-3),
        standard=Recipe(width=128, points=64, steps=1200, learning_rate=1e-3),
        paper=Recipe(width=256, points=100, steps=2000, learning_rate=5e-4),
    )
    return _own(settings, chosen)


def _evolution(like: Recipe) -> Recipe:
    """Measure after steps that grow about evenly in logarithm."""
    even = {round(like.steps ** (place / 16)) for place in range(17)}
    keep = tuple(sorted(step for step in even | set(SHOWN) if step <= like.steps))
    rate = max(like.learning_rate, 1e-3)
    return replace(like, depth=3, phases=4, learning_rate=rate, keep=keep, shown=SHOWN)


def _own(settings: Settings, recipe: Recipe) -> Recipe:
    width, steps = settings.width or recipe.width, settings.steps or recipe.steps
    return replace(recipe, width=width, steps=steps)


def networks(settings: Settings) -> list[Network]:
    """Return every network that is trained and measured.

    Examples
    --------
    >>> len(networks(Settings())), len(networks(Settings(profile="paper")))
    (10, 22)
    """
    cases = choose(settings.profile, smoke=THREE[:2], quick=THREE, standard=NINE, paper=NINE)
    stars = Network(figure="classification", problem="stars", region="square")
    fitted = [Network(figure="regression", problem=p, region=r) for p, r in cases]
    return [
        *(one for network in (stars, *fitted) for one in (network, network.twin)),
        Network(figure="evolution", problem="rays", region="triangle"),
        Network(figure="several", problem="rays", region="three"),
    ]


def pictured(settings: Settings) -> list[Network]:
    """Return the networks that are drawn: of the unconstrained regressions one suffices.

    Examples
    --------
    >>> [network.title for network in pictured(Settings()) if not network.constrained]
    ['stars on square', 'rays on polygon']
    """
    every = networks(settings)
    free = [network for network in every if not network.constrained]
    return [network for network in every if network not in (free[1], *free[3:])]
