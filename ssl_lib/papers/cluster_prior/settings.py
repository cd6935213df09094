"""What the chapter on the cluster prior can be run with, and what it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from ssl_lib.errors import InputError, closest
from ssl_lib.papers import chapter

__all__ = [
    "BATCHES",
    "GALLERIES",
    "PANELS",
    "PHOTOGRAPHS",
    "RUNS",
    "TAIL",
    "Batches",
    "Gallery",
    "Panel",
    "Photograph",
    "Run",
    "Settings",
]

#: Exponent of the long tail of digits: class sizes fall as this power of their rank.
TAIL = 1.5
_DATA = ("", "fashion-mnist", "cifar10", "tiny-imagenet")


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile, seed, device, fresh, seeds
        See :class:`ssl_lib.papers.chapter.Seeded`. What is small is the same at all profiles but
        ``smoke``; ``standard`` and ``paper`` add photographs.
    data : str, default=""
        Photographs of the larger profiles; empty takes Fashion-MNIST at ``standard`` and
        TinyImageNet at ``paper``.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> len(Settings(seeds=2).every_seed)
    2
    >>> Settings(data="cifar11")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: data must be a set of photographs, got 'cifar11'. Did you mean ...
    """

    slug: ClassVar[str] = "cluster_prior"
    usual_seeds: ClassVar[Mapping[str, int]] = {"smoke": 1, "quick": 20, "standard": 3, "paper": 3}

    data: str = ""

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data")
        if self.data not in _DATA:
            known = closest(self.data, _DATA[1:])
            raise InputError(f"data must be a set of photographs, got {self.data!r}.{known}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training on digits, balanced or long-tailed.

    Attributes
    ----------
    name, title : str
        In tables, and for readers.
    tail : float
        Class sizes fall as this power of their rank; 0 makes them equal.
    method : str
        "pmsn", of which a uniform prior makes MSN, or "simclr".
    exponent : float
        Of the prior.
    prototypes : int
    weight : float
        Of the divergence from the prior.
    sinkhorn : int
        Iterations on the targets, with the prior's marginals.
    alignment : str
        "rank" or "index".
    rebalanced : bool
        Whether images are drawn evenly from clusters of features in the second half of training.
    cycling : bool
        Whether the temperature goes up and down.
    looks : int
        How often the prototypes are counted on the way.
    """

    name: str
    title: str
    tail: float = TAIL
    method: str = "pmsn"
    exponent: float = 0.0
    prototypes: int = 16
    weight: float = 5.0
    sinkhorn: int = 0
    alignment: str = "rank"
    rebalanced: bool = False
    cycling: bool = False
    looks: int = 0


_TAILED = Run(name="tail-0", title="uniform prior", looks=8)
_SIMCLR = Run(name="simclr", title="SimCLR", method="simclr")
_HALF = replace(_TAILED, name="tail-0.5", title="prior of exponent 0.5", exponent=0.5)


def _runs() -> tuple[Run, ...]:
    t, h, s = _TAILED, replace(_HALF, looks=0), _SIMCLR
    many = [
        Run(name=f"{data}-{x:g}-many", title=f"exponent {x:g}, 64 prototypes", exponent=x,
            tail=tail, prototypes=64, looks=8)
        for data, tail in (("balanced", 0.0), ("tail", TAIL)) for x in (0.0, 0.25)
    ]  # fmt: skip
    return (
        *(Run(name=f"balanced-{x:g}", title=f"exponent {x:g}", exponent=x, tail=0.0)
          for x in (0.0, 0.25, 0.5, 1.0)),
        t,
        _HALF,
        *(Run(name=f"tail-{x:g}", title=f"exponent {x:g}", exponent=x) for x in (0.25, 1.0, 1.5)),
        *many,
        *(replace(h, name=f"weight-{x:g}", title=f"weight {x:g}", weight=x) for x in (1.0, 20.0)),
        replace(h, name="index", title="by index", alignment="index"),
        replace(h, name="sinkhorn-0.5", title="Sinkhorn, the prior's marginals", sinkhorn=3),
        Run(name="sinkhorn-0", title="Sinkhorn, uniform", sinkhorn=3),
        Run(name="rebalanced", title="rebalanced sampling", rebalanced=True),
        s,
        replace(s, name="simclr-cycling", title="SimCLR, cycling temperature", cycling=True),
        replace(s, name="simclr-rebalanced", title="SimCLR, rebalanced sampling", rebalanced=True),
    )  # fmt: skip


#: Every run on digits by its name.
RUNS: dict[str, Run] = {run.name: run for run in _runs()}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """An ablation: runs on the long tail that differ from the reference in one thing.

    Attributes
    ----------
    name, title : str
    runs : tuple of str
        The reference among them.
    values : tuple of str
        What varies, as readers see it.
    """

    name: str
    title: str
    runs: tuple[str, ...]
    values: tuple[str, ...]


PANELS: dict[str, Panel] = {
    panel.name: panel
    for panel in (
        Panel(name="weight", title="weight of the prior",
              runs=("weight-1", "tail-0.5", "weight-20"), values=("1", "5", "20")),
        Panel(name="alignment", title="which prototype gets which mass",
              runs=("tail-0.5", "index"), values=("by rank", "by index")),
        Panel(name="sinkhorn", title="Sinkhorn on the targets",
              runs=("tail-0", "sinkhorn-0", "tail-0.5", "sinkhorn-0.5"),
              values=("uniform, none", "uniform, 3", "power law, none", "power law, 3")),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Batches:
    """A method trained on batches of few classes.

    Attributes
    ----------
    name, title : str
        A name of :mod:`ssl_lib.methods`, or "autoencoder".
    """

    name: str
    title: str


#: Methods that see batches of few classes; the last compares no images.
BATCHES: dict[str, Batches] = {
    one.name: one
    for one in (
        Batches(name="simclr", title="SimCLR"),
        Batches(name="vicreg", title="VICReg"),
        Batches(name="msn", title="MSN"),
        Batches(name="autoencoder", title="masked autoencoder"),
    )
}


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A model whose prototypes are looked at.

    Attributes
    ----------
    name, title : str
    run : str
        A key of :data:`RUNS`; empty for MSN on balanced digits, as in :data:`BATCHES`.
    classes : int
        In a batch of the latter.
    """

    name: str
    title: str
    run: str = ""
    classes: int = 10

    @property
    def tail(self) -> float:
        """Class sizes fall as this power of their rank."""
        return RUNS[self.run].tail if self.run else 0.0


#: Batches of many and of few classes, then each prior on both kinds of data.
GALLERIES: dict[str, Gallery] = {
    one.name: one
    for one in (
        Gallery(name="classes-10", title="ten classes in a batch"),
        Gallery(name="classes-2", title="two classes in a batch", classes=2),
        *(Gallery(name=f"{data}-{x:g}", run=f"{data}-{x:g}",
                  title=f"prior of exponent {x:g}" if x else "uniform prior")
          for data in ("balanced", "tail") for x in (0.0, 0.25, 0.5, 1.0)),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A subset of photographs by the law of its class sizes.

    Attributes
    ----------
    name, title : str
    kind : str
        "exponential", "power", or "balanced", which has as many images as ``of``.
    imbalance, exponent : float
        Largest over smallest class, and the power.
    of : str
        The subset whose size a balanced one has.
    """

    name: str
    title: str
    kind: str
    imbalance: float = 1.0
    exponent: float = 0.0
    of: str = ""


#: Laws of class sizes of photographs, with a control of equal sizes.
PHOTOGRAPHS: dict[str, Photograph] = {
    law.name: law
    for law in (
        Photograph(name="imbalance-10", title="imbalance 10", kind="exponential", imbalance=10),
        Photograph(name="imbalance-100", title="imbalance 100", kind="exponential", imbalance=100),
        Photograph(name="power-1", title="power law of exponent 1", kind="power", exponent=1.0),
        Photograph(name="balanced", title="balanced, as many images", kind="balanced",
                   of="imbalance-100"),
    )
}  # fmt: skip
