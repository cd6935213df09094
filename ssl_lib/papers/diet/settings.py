"""What the DIET chapter can be run with, and what it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ssl_lib import profiles
from ssl_lib.data import NAMES
from ssl_lib.papers import chapter

__all__ = [
    "FACTORS",
    "METHODS",
    "NOISE_CASES",
    "PANELS",
    "RUNS",
    "WORLDS",
    "Factors",
    "NoiseCase",
    "NoiseWorld",
    "Panel",
    "Run",
    "Settings",
    "World",
]


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile, seed, device, fresh, seeds
        See :class:`ssl_lib.papers.chapter.Seeded`. Digits, shapes and latents are the same at all
        profiles but ``smoke``; ``standard`` and ``paper`` add photographs.
    data : str, default=""
        Photographs of the larger profiles: a named set or a folder of images in class folders;
        empty takes Fashion-MNIST at ``standard`` and CIFAR-100 at ``paper``.
    images : str, default=""
        Folder of images in class folders for the section on images of one's own; empty draws
        shapes.
    epochs : int, default=0
        How often that section shows each of them; 0 takes its own number.

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
    ssl_lib.errors.InputError: data must be a folder or a data set, got 'cifar11'. ...
    """

    slug: ClassVar[str] = "diet"
    usual_seeds: ClassVar[Mapping[str, int]] = {"smoke": 1, "quick": 20, "standard": 3, "paper": 3}

    data: str = ""
    images: str = ""
    epochs: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data", "images")
        profiles.check_count("epochs", self.epochs, most=100_000)
        chapter.check_place("data", self.data, known=NAMES)
        chapter.check_place("images", self.images)


#: What is compared on shapes and photographs, with the titles that readers see.
METHODS: dict[str, str] = {
    "pixels": "raw pixels",
    "untrained": "untrained",
    "diet": "DIET",
    "simclr": "SimCLR",
    "vicreg": "VICReg",
    "supervised": "supervised",
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One way of training an encoder on digits.

    Attributes
    ----------
    name, title : str
        In tables, and for readers.
    method : str
        A key of :data:`ssl_lib.methods.METHODS`, or "untrained" or "pixels".
    encoder : str
        "convnet", "small" (a quarter of its width) or "mlp".
    epochs, batch_size : int
    learning_rate : float
    smoothing : float
        DIET's label smoothing.
    strength : int
        Of the augmentation, 0 to 3; see :func:`ssl_lib.papers.diet.training.views`.
    normalise : bool
    head : tuple of int
        See :class:`ssl_lib.methods.DIET`.
    images : int
        Training images, 0 for all.
    copies : float
        Share of the training images that come twice, under two indices.
    looks : int
        How often the encoder is measured on the way, evenly; 0 for the end only.
    """

    name: str
    title: str
    method: str = "diet"
    encoder: str = "convnet"
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 4e-3
    smoothing: float = 0.8
    strength: int = 2
    normalise: bool = False
    head: tuple[int, ...] = ()
    images: int = 0
    copies: float = 0.0
    looks: int = 0


_DIET = Run(name="diet", title="DIET", looks=15)
_SIMCLR = Run(name="simclr", title="SimCLR, as many steps", method="simclr")
_VICREG = Run(name="vicreg", title="VICReg, as many steps", method="vicreg")
_UNTRAINED = Run(name="untrained", title="untrained", method="untrained")


def _change(base: Run, name: str, title: str, **changes: object) -> Run:
    return replace(base, name=name, title=title, looks=0, **changes)  # type: ignore[arg-type]


def _runs() -> tuple[Run, ...]:
    d, s = _DIET, _SIMCLR
    return (
        Run(name="pixels", title="raw pixels", method="pixels"),
        _UNTRAINED,
        d,
        Run(name="supervised", title="supervised", method="supervised", epochs=10),
        _change(s, "simclr-views", "SimCLR, as many views", epochs=15),
        s,
        _change(_VICREG, "vicreg-views", "VICReg, as many views", epochs=15),
        _VICREG,
        _change(d, "normalised", "DIET, unit features", normalise=True),
        _change(d, "head", "DIET, projection head", head=(128, 64)),
        *(_change(d, f"smoothing-{x:g}", f"smoothing {x:g}", smoothing=x)
          for x in (0.0, 0.4, 0.95)),
        *(_change(d, f"strength-{x}", f"strength {x}", strength=x) for x in (0, 1, 3)),
        *(_change(d, f"batch-{x}", f"batch {x}", batch_size=x) for x in (32, 512)),
        *(_change(d, f"epochs-{x}", f"{x} showings", epochs=x) for x in (8, 15, 60)),
        *(_change(d, f"rate-{x:g}", f"rate {x:g}", learning_rate=x) for x in (1e-3, 1.6e-2)),
        *(_change(s, f"simclr-epochs-{x}", f"SimCLR, {x} epochs", epochs=x) for x in (4,)),
        *(_change(s, f"simclr-rate-{x:g}", f"SimCLR, rate {x:g}", learning_rate=x)
          for x in (1e-3, 1.6e-2)),
        _change(d, "images-300", "300 images", images=300, epochs=150),
        _change(d, "images-600", "600 images", images=600, epochs=75),
        *(_change(d, f"copies-{x:g}", f"{x:.0%} twice", copies=x, epochs=round(30 / (1 + x)))
          for x in (0.1, 0.5)),
        _change(_UNTRAINED, "untrained-small", "untrained, quarter width", encoder="small"),
        _change(d, "small", "DIET, quarter width", encoder="small"),
        _change(s, "simclr-small", "SimCLR, quarter width", encoder="small"),
        _change(_UNTRAINED, "untrained-mlp", "untrained perceptron", encoder="mlp"),
        _change(d, "mlp", "DIET, perceptron", encoder="mlp"),
    )  # fmt: skip


#: Every run on digits by its name.
RUNS: dict[str, Run] = {run.name: run for run in _runs()}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """An ablation: runs that differ from the reference in one thing.

    Attributes
    ----------
    name, title : str
    option : str
        The field of :class:`Run` that varies.
    runs : tuple of str
        In the order of its values, the reference among them.
    log : bool
        Whether the axis is logarithmic.
    """

    name: str
    title: str
    option: str
    runs: tuple[str, ...]
    log: bool = False

    @property
    def values(self) -> tuple[float, ...]:
        """The option's value in each run."""
        return tuple(float(getattr(RUNS[name], self.option)) for name in self.runs)


PANELS: dict[str, Panel] = {
    panel.name: panel
    for panel in (
        Panel(name="smoothing", title="label smoothing", option="smoothing",
              runs=("smoothing-0", "smoothing-0.4", "diet", "smoothing-0.95")),
        Panel(name="strength", title="augmentation's strength", option="strength",
              runs=("strength-0", "strength-1", "diet", "strength-3")),
        Panel(name="batch", title="batch, at one rate", option="batch_size",
              runs=("batch-32", "diet", "batch-512"), log=True),
        Panel(name="length", title="showings of each image", option="epochs",
              runs=("epochs-8", "epochs-15", "diet", "epochs-60"), log=True),
        Panel(name="rate", title="learning rate", option="learning_rate",
              runs=("rate-0.001", "diet", "rate-0.016"), log=True),
        Panel(name="copies", title="share under two indices", option="copies",
              runs=("diet", "copies-0.1", "copies-0.5")),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class World:
    """Latents in clusters on a sphere, and how DIET is trained on what is seen of them.

    Attributes
    ----------
    name, title : str
    dimension, clusters, samples : int
    concentration : float
        Kappa of the von Mises-Fisher distribution around a cluster's centre.
    latents : str
        "vmf", "normal" or "laplace", projected to the sphere.
    skew : float
        Cluster sizes fall as this power of their rank; 0 makes them equal.
    swapped : float
        Share of draws that come from another cluster than their index's.
    unit_features, unit_rows : bool
        Which are held at unit length, with a learned inverse temperature.
    mixing : int
        Layers of the invertible network.
    width, depth : int
        Of the encoder's hidden layers.
    steps, batch_size : int
    learning_rate, rows_learning_rate : float
    looks : tuple of int
        Steps after which the model is measured.
    paper : float
        R2 of the latents in Table 2 of arXiv 2410.21869; NaN where it has none.
    """

    name: str
    title: str
    dimension: int = 5
    clusters: int = 100
    samples: int = 1000
    concentration: float = 10.0
    latents: str = "vmf"
    skew: float = 0.0
    swapped: float = 0.0
    unit_features: bool = False
    unit_rows: bool = False
    mixing: int = 4
    width: int = 100
    depth: int = 3
    steps: int = 1000
    batch_size: int = 512
    learning_rate: float = 2e-3
    rows_learning_rate: float = 0.1
    looks: tuple[int, ...] = (20, 50, 100, 200, 400, 700, 1000)
    paper: float = float("nan")


def _world(name: str, title: str, **changes: object) -> World:
    return World(name=name, title=title, **changes)  # type: ignore[arg-type]


#: Every world by its name: the four cases of unit length, then what the theory does not cover.
WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        _world("free", "features and rows free", paper=0.990),
        _world("unit-rows", "rows of unit length", unit_rows=True, paper=0.986),
        _world("unit-features", "features of unit length", unit_features=True),
        _world("unit-both", "both of unit length", unit_features=True, unit_rows=True),
        _world("dimension-20", "20 dimensions", dimension=20, paper=0.819),
        _world("clusters-10", "10 clusters", clusters=10, paper=0.900),
        _world("clusters-1000", "1,000 clusters", clusters=1000, paper=0.992),
        _world("kappa-50", "concentration 50", concentration=50.0, paper=0.725),
        _world("laplace", "Laplace latents", latents="laplace", paper=0.854),
        _world("normal", "normal latents", latents="normal", paper=0.986),
        _world("skew-1", "skewed cluster sizes", skew=1.0),
        _world("swapped-0.2", "a fifth from other clusters", swapped=0.2),
        _world("swapped-0.5", "half from other clusters", swapped=0.5),
    )
}


@dataclass(frozen=True, kw_only=True)
class NoiseCase:
    """One encoder of the factors that views disturb.

    Attributes
    ----------
    name, title : str
    width : int
        Of its output.
    normalise : bool
        Whether its features have unit length.
    """

    name: str
    title: str
    width: int
    normalise: bool = False


NOISE_CASES: dict[str, NoiseCase] = {
    case.name: case
    for case in (
        NoiseCase(name="narrow", title="3 dimensions", width=3),
        NoiseCase(name="narrow-unit", title="3 dimensions, unit features", width=3, normalise=True),
        NoiseCase(name="wide", title="6 dimensions", width=6),
    )
}


@dataclass(frozen=True, kw_only=True)
class NoiseWorld:
    """Factors that views disturb more and more.

    Attributes
    ----------
    noise : tuple of float
        Standard deviation of each factor's noise between views; the factors have 1 each.
    samples, steps, batch_size : int
    learning_rate, rows_learning_rate : float
    """

    noise: tuple[float, ...] = (0.1, 0.3, 0.5, 0.8, 1.2, 2.0)
    samples: int = 500
    steps: int = 1000
    batch_size: int = 250
    learning_rate: float = 2e-3
    rows_learning_rate: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Factors:
    """Encoders of drawn shapes, whose factors are known.

    Attributes
    ----------
    methods : tuple of str
    images, test : int
    size : int
        Pixels of a side.
    fixed : dict
        Factors that all images share: with them free, no classifier that a minute trains tells
        the shapes, whatever its labels.
    epochs, batch_size : int
    learning_rate : float
    """

    methods: tuple[str, ...] = ("pixels", "untrained", "diet", "simclr", "vicreg", "supervised")
    images: int = 1000
    test: int = 1000
    size: int = 16
    fixed: Mapping[str, object] = field(
        default_factory=lambda: {
            "rotation": 0.0,
            "scale": 0.6, "occlusion": 0.0, "occlusion_angle": 0.0, "texture": "plain",
            "background": "plain",
        }
    )  # fmt: skip
    epochs: int = 40
    batch_size: int = 100
    learning_rate: float = 4e-3


FACTORS = Factors()
