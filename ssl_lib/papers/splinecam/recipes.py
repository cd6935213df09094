"""What each profile makes of the chapter's experiments: data, networks, sizes."""

from __future__ import annotations

from typing import Any, TypeVar

from ssl_lib import profiles
from ssl_lib.papers.splinecam.attacks import Attacks
from ssl_lib.papers.splinecam.boundaries import Comparison, Evolution
from ssl_lib.papers.splinecam.classifiers import Network
from ssl_lib.papers.splinecam.exactness import Exactness
from ssl_lib.papers.splinecam.growth import LARGEST, Growth
from ssl_lib.papers.splinecam.images import Part
from ssl_lib.papers.splinecam.implicit import Photo, Surface
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.papers.splinecam.toy import Toy
from ssl_lib.papers.splinecam.training import Augmentation, Squares, Training

__all__ = ["recipes"]

T = TypeVar("T")

_WIDTHS = (10, 60, 110, 210, 310, 410, 510, 610, 710, 810, 910, LARGEST)
_DIMENSIONS = (2, 2002, 4002, 6002, 8002)
#: The first images of CIFAR-10, and the cats and dogs among them.
_FIRST, _CATS_AND_DOGS = 10_000, 1950


def recipes(settings: Settings) -> dict[str, Any]:
    """Return the configurations of a run by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to dataclass
        The same for all seeds.

    Examples
    --------
    >>> recipes(Settings(profile="standard"))["augmentation"].networks[0]
    Network(name='vgg11-8', kind='vgg11', width=8, depth=0)
    """
    surface, evolution = _surface(settings), _evolution(settings)
    compared, attacked = _comparison(settings), _attacks(settings)
    return {
        "toy-shapes": Toy(steps=(0, 10, 25, 50, 100, 200)),
        "toy": Toy(steps=(0, 5, 10, 25, 50, 75, 100, 150, 200)),
        "exactness": Exactness(grid=_of(settings, 60, 200, 1000, 2000)),
        "growth": _growth(settings),
        "growth-times": _times(settings),
        "training-shapes": _training(settings, _plane_network(settings)),
        "training": _training(settings, _square_network(settings), **_squares(settings)),
        "squares": _square_sizes(settings),
        "augmentation": _augmentation(settings),
        "evolution-shapes": evolution(2),
        "evolution": evolution(_of(settings, 3, 10, 20, 100)),
        "architectures": compared,
        "samples": compared,
        "attack-shapes": attacked,
        "attacks": attacked,
        "photo": _photo(settings),
        "surface-shapes": surface,
        "surface": surface,
    }


def _of(settings: Settings, smoke: T, quick: T, standard: T, paper: T) -> T:
    """Pick the value of the run's profile."""
    return profiles.choose(
        settings.profile, smoke=smoke, quick=quick, standard=standard, paper=paper
    )


def _device(settings: Settings) -> str:
    return str(profiles.device(settings.device))


def _mlp(width: int, depth: int) -> Network:
    return Network(f"{width}x{depth}", "mlp", width, depth)


def _patches(filters: int) -> Network:
    return Network(f"patch{filters}", "patches", filters)


def _images(settings: Settings) -> Part:
    small = settings.profile == "standard"
    return Part("cifar10", most=_FIRST if small else 0) if settings.photographs else Part("digits")


def _growth(settings: Settings) -> Growth:
    dense = tuple(range(10, LARGEST + 1, 50))
    coarse = tuple(range(60, LARGEST + 1, 100))
    few, every = (2, 2002, 8002), _DIMENSIONS
    return Growth(
        widths=_of(settings, (10, 510, LARGEST), coarse, dense, dense),
        dimensions=_of(settings, few, few, every, every),
    )


def _times(settings: Settings) -> Growth:
    return Growth(
        widths=_of(settings, (10, 110, 210), _WIDTHS[:7], _WIDTHS, _WIDTHS),
        dimensions=(2, 2002),
        device=_device(settings),
    )


def _plane_network(settings: Settings) -> Network:
    return _of(settings, _mlp(16, 2), _mlp(64, 5), _patches(2), _patches(6))


def _square_network(settings: Settings) -> Network:
    standard, paper = Network("cnn8", "cnn", 8), Network("cnn64", "cnn", 64)
    return _of(settings, _mlp(16, 2), _mlp(64, 5), standard, paper)


def _squares(settings: Settings) -> dict[str, Any]:
    half_side = 0.05 if settings.photographs else 0.5
    return {"slices": _of(settings, 3, 6, 12, 90), "half_side": half_side}


def _square_sizes(settings: Settings) -> Squares:
    return Squares(
        part=Part("digits"),
        network=_of(settings, _mlp(16, 2), *[_mlp(64, 3)] * 3),
        epochs=_of(settings, 2, 20, 20, 20),
        images=_of(settings, 2, 5, 5, 5),
        directions=_of(settings, 3, 10, 10, 10),
        half_sides=(0.125, 0.25, 0.5),
    )


def _training(settings: Settings, network: Network, **squares: Any) -> Training:
    quick, paper = (0, 2, 5, 10, 20, 50), (0, 2, 5, 10, 20, 50, 100)
    return Training(
        part=_images(settings),
        network=network,
        epochs=_of(settings, (0, 1, 2), quick, (0, 1, 2, 5, 10), paper),
        device=_device(settings),
        **squares,
    )


def _augmentation(settings: Settings) -> Augmentation:
    digits, every = Part("digits"), Part("tiny-imagenet")
    few = Part("tiny-imagenet", classes=tuple(range(20)), most=5000)
    eighth = Network("vgg11-8", "vgg11", 8), Network("vgg16-8", "vgg16", 8)
    whole = Network("vgg11-64", "vgg11", 64), Network("vgg16-64", "vgg16", 64)
    small, quick = (_mlp(16, 2), _mlp(32, 2)), (_mlp(64, 3), _mlp(128, 4))
    return Augmentation(
        part=_of(settings, digits, digits, few, every),
        networks=_of(settings, small, quick, eighth, whole),
        epochs=_of(settings, 2, 100, 6, 20),
        images=_of(settings, 4, 15, 20, 90),
        # The paper's own area, 3e-5; networks with an eighth of its filters need a larger square.
        half_side=_of(settings, 0.5, 0.5, 0.02, 0.5 * 3e-5**0.5),
        device=_device(settings),
    )


def _evolution(settings: Settings) -> Any:
    """Return a function of the number of slices."""
    norm, epochs = Network("convnet", "norm", 2), (1, 2, 4, 8, 16, 32)
    most = _CATS_AND_DOGS if settings.profile == "standard" else 0
    photographs = Part("cifar10", classes=(3, 5), most=most)

    def made(slices: int) -> Evolution:
        return Evolution(
            part=photographs if settings.photographs else Part("digits", classes=(3, 8)),
            network=_of(settings, _mlp(16, 2), norm, _patches(3), _patches(6)),
            epochs=_of(settings, (1, 2, 3), epochs, epochs, (50, 100, 150, 200, 300)),
            slices=slices,
            device=_device(settings),
        )

    return made


def _comparison(settings: Settings) -> Comparison:
    smoke = settings.profile == "smoke"
    second = _patches(3) if settings.photographs else Network("small-cnn", "small", 4)
    return Comparison(
        part=_images(settings),
        networks=(_mlp(16, 2) if smoke else _mlp(50, 3), second),
        epochs=2 if smoke else 20,
    )


def _attacks(settings: Settings) -> Attacks:
    return Attacks(
        part=_images(settings),
        network=_of(settings, _mlp(16, 2), _mlp(64, 3), _patches(3), _patches(6)),
        epochs=_of(settings, 3, 30, 20, 20),
        images=_of(settings, 5, 20, 40, 40),
        radius=8 / 255 if settings.photographs else 0.3,
        step=1 / 255 if settings.photographs else 0.02,
    )


def _photo(settings: Settings) -> Photo:
    return Photo(
        pixels=_of(settings, 32, 96, 128, 256),
        hidden=_of(settings, (16, 16), (40, 40), (64,) * 3, (128,) * 3),
        steps=_of(settings, 20, 1500, 5000, 20_000),
        device=_device(settings),
    )


def _surface(settings: Settings) -> Surface:
    return Surface(
        hidden=_of(settings, (16, 16), (48,) * 3, (64,) * 4, (128,) * 4),
        steps=_of(settings, 30, 1000, 5000, 20_000),
        device=_device(settings),
    )
