"""What the chapter can be run with, the losses that it trains, and how large each profile is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ssl_lib import profiles
from ssl_lib.data import NAMES
from ssl_lib.papers import chapter

__all__ = [
    "BATCHES", "CHOSEN", "DRAWS", "LADDER", "LOSSES", "RATE", "SETTINGS", "Loss", "Rung",
    "Settings", "Sizes", "sizes",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A method with its options.

    Attributes
    ----------
    name, title : str
        In tables, and for readers.
    method : str
        A key of :data:`ssl_lib.methods.METHODS`.
    options : mapping
        Of the method, beside its head.
    """

    name: str
    title: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)


_PAIRS = {"estimator": "pairwise_kl", "scale": 0.1, "invariance": 5.0}

#: All that is trained at settings which nobody chose by looking at the tables of this chapter.
LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(name="vicreg", title="VICReg", method="vicreg"),
        Loss(name="vicreg-3", title="VICReg, invariance 3", method="vicreg",
             options={"invariance": 3.0}),
        Loss(name="logdet", title="LogDet", method="vicreg_info",
             options={"estimator": "logdet", "scale": 1e-3}),
        Loss(name="pairwise", title="pairwise, sphere", method="vicreg_info", options=_PAIRS),
        Loss(name="pairwise-raw", title="pairwise, raw", method="vicreg_info",
             options={"estimator": "pairwise_kl", "scale": 1.0, "normalise": False}),
        Loss(name="simclr", title="SimCLR", method="simclr", options={"temperature": 0.2}),
        # As many directions as dimensions: what a network this small can bear.
        Loss(name="sigreg", title="SIGReg", method="sigreg", options={"n_directions": 64}),
    )
}  # fmt: skip


#: AdamW's, for a batch of 128.
RATE = 2e-3


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A step of the moment ladder: what of the distribution of embeddings a loss asks for.

    Attributes
    ----------
    loss : Loss
        At its default setting, which is its first trial.
    asks : str
        What of the distribution it looks at, for readers.
    options : mapping of str to float
        Options that are tuned and their defaults, beside the learning rate.
    """

    loss: Loss
    asks: str
    options: Mapping[str, float]


#: From second moments with a kink to the whole distribution.
LADDER: dict[str, Rung] = {
    rung.loss.name: rung
    for rung in (
        Rung(loss=LOSSES["vicreg"], asks="variances of at least 1, covariances of 0",
             options={"invariance": 25.0, "covariance": 1.0}),
        Rung(loss=LOSSES["logdet"], asks="a large determinant of the covariance",
             options={"invariance": 1.0, "scale": 1e-3}),
        Rung(loss=LOSSES["pairwise"], asks="points of a sphere far from each other",
             options={"invariance": 5.0, "scale": 0.1}),
        Rung(loss=LOSSES["sigreg"], asks="a normal distribution in every direction",
             options={"weight": 0.02}),
    )
}  # fmt: skip

#: What the ladder is trained with: the default, and what won the tuning.
SETTINGS = ("default", "tuned")
#: The trial of each rung that won the published tuning; a test compares.
CHOSEN: dict[str, Mapping[str, float]] = {
    "vicreg": {"invariance": 23.2, "covariance": 2.11, "learning_rate": 0.0038},
    "logdet": {"invariance": 9.67, "scale": 0.00256, "learning_rate": 0.00469},
    "pairwise": {"invariance": 0.822, "scale": 0.673, "learning_rate": 0.00566},
    "sigreg": {"weight": 0.0109, "learning_rate": 0.00312},
}

#: Images in a batch, at as many showings of each image.
BATCHES = (16, 64, 256)
#: Short numbers of the seeds that choose; no table that is reported has them.
DRAWS = (98, 99)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a profile decides of the tables on digits and points.

    Attributes
    ----------
    steps : int
        Of the optimiser, in a training.
    looks : int
        How often an encoder is looked at on its way, beside the start.
    draws : int
        Of a Monte Carlo estimate of an entropy.
    images : int
        Around which noise is drawn, of the test images.
    noise : int
        Noisy copies of each.
    labels : int
        Labelled images of the bound.
    trials, tuning : int
        Settings of each rung, and seeds that choose among them.
    batches : tuple of int
    moons : int
        Steps of the mixtures on two moons.
    """

    steps: int = 120
    looks: int = 6
    draws: int = 2000
    images: int = 8
    noise: int = 512
    labels: int = 200
    trials: int = 20
    tuning: int = 2
    batches: tuple[int, ...] = BATCHES
    moons: int = 1000


_SMOKE = Sizes(
    steps=8, looks=2, draws=200, images=2, noise=64, labels=100, trials=2, tuning=1,
    batches=(64, 128), moons=100,
)  # fmt: skip


def sizes(settings: Settings) -> Sizes:
    """Return the sizes of a profile; all but ``smoke`` share theirs.

    Examples
    --------
    >>> sizes(Settings()).trials, sizes(Settings(profile="smoke")).trials
    (20, 2)
    """
    return _SMOKE if settings.profile == "smoke" else Sizes()


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile, seed, device, fresh, seeds
        See :class:`ssl_lib.papers.chapter.Seeded`. Claims need three seeds.
    data : str, default=""
        Photographs on which the ladder is trained: a named data set, or a folder of class folders;
        empty takes the profile's, which at ``smoke`` and ``quick`` is none.
    images : str, default=""
        Folder of pictures for the section on an encoder of one's own; empty draws shapes.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> len(Settings().every_seed), Settings(profile="standard").photographs
    (3, 'fashion-mnist')
    """

    slug: ClassVar[str] = "vicreg_info"
    usual_seeds: ClassVar[Mapping[str, int]] = {
        "smoke": 2, "quick": 3, "standard": 5, "paper": 3,
    }  # fmt: skip

    data: str = ""
    images: str = ""

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data", "images")
        chapter.check_place("data", self.data, known=NAMES)
        chapter.check_place("images", self.images)

    @property
    def photographs(self) -> str:
        """The photographs that are trained on; empty for none."""
        return self.data or self.usual_photographs

    @property
    def usual_photographs(self) -> str:
        """Those of the profile."""
        return profiles.choose(
            self.profile, smoke="", quick="", standard="fashion-mnist", paper="cifar10"
        )
