"""What each profile computes: sizes of samples, penalties, networks and steps."""

from dataclasses import dataclass

from ssl_lib import profiles
from ssl_lib.papers.ssl_interplay.settings import Settings

__all__ = [
    "Capacity", "Crops", "Dimensions", "Dynamics", "Level", "Rates", "Recipes", "Sizes", "Stopping",
    "Tradeoff", "recipes",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tradeoff:
    """Closed form on the sphere. ``ridges`` are code penalties of the released scripts.

    A ridge over (m - 1) N is the penalty, for m views of each input and N views in all.
    """

    ridges: tuple[float, ...]
    dimension: int = 8
    shifts: tuple[int, ...] = (-1, 0, 1)
    inputs: int = 300
    points: int = 2000
    components: int = 20


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """A network on the same data, trained on the same loss by Adam."""

    steps: int
    every: int
    width: int
    inputs: int = 300
    rate: float = 1e-3
    outputs: int = 20
    dimension: int = 8
    shifts: tuple[int, ...] = (-1, 0, 1)
    points: int = 1000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Half-moons, numbers of unlabelled inputs and of labels."""

    inputs: tuple[int, ...]
    labels: tuple[int, ...]
    trials: int
    test: int = 500
    components: int = 5
    ridge: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Half-moons with a Gaussian kernel. ``ridges`` as of the released scripts: twice a penalty."""

    inputs: int = 100
    test: int = 1000
    ridges: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 1e-6, 1e-10, 1e-14, 1e-20)


@dataclass(frozen=True, kw_only=True)
class Dimensions:
    """Half-moons: penalties and numbers of features at few labels."""

    inputs: int = 300
    labels: int = 30
    trials: int = 20
    test: int = 500
    counts: tuple[int, ...] = (3, 5, 10, 20)
    penalties: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Crops of bit strings whose operator is known, and samples of them."""

    inputs: tuple[int, ...]
    views: tuple[int, ...]
    bits: int = 6
    width: int = 3
    components: int = 7
    penalty: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """Two-layer networks on all bit strings, by gradient descent on the exact loss.

    The widest network learns from crops of each width, the others from the first alone. ``start``
    is the share of the first outputs that stays.
    """

    widths: tuple[int, ...]
    steps: int
    crops: tuple[int, ...] = (4, 3, 5)
    bits: int = 6
    outputs: int = 32
    rate: float = 0.6
    start: float = 0.03
    keep: int = 80

    @property
    def cells(self) -> list[tuple[int, int]]:
        """Width and crop of each network of a seed, the widest first."""
        widest, *others = sorted(self.widths, reverse=True)
        return [(widest, crop) for crop in self.crops] + [(w, self.crops[0]) for w in others]


@dataclass(frozen=True, kw_only=True)
class Crops:
    """Crops of every width, and two tasks."""

    inputs: int
    bits: int = 8
    views: int = 4
    components: int = 25
    labels: int = 300
    noise: float = 0.5
    penalty: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class Level:
    """The network of the half-moons, by stochastic gradient descent on small batches."""

    epochs: int
    inputs: int
    widths: tuple[int, ...] = (100, 20)
    rate: float = 5e-3
    batch: int = 4
    side: int = 41


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """Everything that a profile decides."""

    tradeoff: Tradeoff
    stopping: Stopping
    sizes: Sizes
    capacity: Capacity
    dimensions: Dimensions
    rates: Rates
    dynamics: Dynamics
    crops: Crops
    level: Level
    drawn: int
    side: int


def recipes(settings: Settings) -> Recipes:
    """Return what a run computes.

    Examples
    --------
    >>> recipes(Settings()).sizes.inputs
    (30, 72, 173, 416, 1000)
    """
    return profiles.choose(
        settings.profile, smoke=_SMOKE, quick=_QUICK, standard=_LARGE, paper=_PAPER
    )


def _powers(low: float, high: float, count: int) -> tuple[float, ...]:
    step = (high - low) / (count - 1)
    return tuple(float(f"{10 ** (low + place * step):.4g}") for place in range(count))


def _grid(count: int, most: int = 1000, least: int = 30) -> tuple[int, ...]:
    ratio = most / least
    return tuple(round(least * ratio ** (place / (count - 1))) for place in range(count))


def _doubling(count: int) -> tuple[int, ...]:
    return tuple(50 * 2**power for power in range(count))


_SMOKE = Recipes(
    tradeoff=Tradeoff(ridges=_powers(-2, 1.2, 3), inputs=60, points=300),
    stopping=Stopping(steps=20, every=10, width=32, inputs=60, points=300),
    sizes=Sizes(inputs=_grid(3, 120), labels=_grid(3, 120), trials=3, test=200),
    capacity=Capacity(inputs=60, test=200),
    dimensions=Dimensions(inputs=80, trials=3, test=200),
    rates=Rates(inputs=_doubling(4), views=(2, 4)),
    dynamics=Dynamics(widths=(16, 64), steps=300, crops=(4, 5), keep=40),
    crops=Crops(inputs=100, bits=6, labels=60),
    level=Level(epochs=2, inputs=60, side=15),
    drawn=100,
    side=15,
)
_QUICK = Recipes(
    tradeoff=Tradeoff(ridges=_powers(-2, 1.2, 9)),
    stopping=Stopping(steps=500, every=20, width=100),
    sizes=Sizes(inputs=_grid(5), labels=_grid(5), trials=10),
    capacity=Capacity(),
    dimensions=Dimensions(),
    rates=Rates(inputs=_doubling(7), views=(2, 4, 8)),
    dynamics=Dynamics(widths=(32, 128, 512, 2048), steps=2000),
    crops=Crops(inputs=1000),
    level=Level(epochs=30, inputs=400),
    drawn=300,
    side=25,
)
_LARGE = Recipes(
    tradeoff=Tradeoff(ridges=_powers(-2, 1.2, 20)),
    stopping=Stopping(steps=1500, every=25, width=200),
    sizes=Sizes(inputs=_grid(8), labels=_grid(8), trials=40),
    capacity=Capacity(),
    dimensions=Dimensions(),
    rates=Rates(inputs=_doubling(8), views=(2, 4, 8, 16)),
    dynamics=Dynamics(widths=(32, 128, 512, 2048), steps=10000),
    crops=Crops(inputs=1000),
    level=Level(epochs=50, inputs=1000),
    drawn=1000,
    side=50,
)
_PAPER = Recipes(
    tradeoff=_LARGE.tradeoff,
    stopping=Stopping(steps=5000, every=10, width=200, shifts=tuple(range(-5, 6))),
    sizes=Sizes(inputs=_grid(50), labels=_grid(100), trials=200),
    capacity=Capacity(),
    dimensions=Dimensions(),
    rates=_LARGE.rates,
    dynamics=_LARGE.dynamics,
    crops=_LARGE.crops,
    level=_LARGE.level,
    drawn=1000,
    side=50,
)
