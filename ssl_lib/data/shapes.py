"""Drawn images whose factors of variation are known.

Shapes are signed distances, evaluated at all pixels of a batch at once; a pixel is covered by the
share that the distance, in pixels, says. So edges are smooth at 16 pixels as at 64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ssl_lib.data.images import ImageData, fingerprint
from ssl_lib.errors import InputError, closest
from ssl_lib.randomness import torch_generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BACKGROUNDS", "RANGES", "SHAPES", "TEXTURES", "draw", "load_shapes", "sample_factors"]

_CHUNK = 512


def _box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    dx, dy = x.abs() - half_width, y.abs() - half_height
    outside = torch.hypot(dx.clamp(min=0), dy.clamp(min=0))
    return outside + torch.maximum(dx, dy).clamp(max=0)


def _polygon(x: Tensor, y: Tensor, sides: int) -> Tensor:
    sector = 2 * math.pi / sides
    angle = torch.atan2(x, -y)
    folded = angle - sector * ((angle / sector).floor() + 0.5)
    return torch.hypot(x, y) * folded.cos() - math.cos(sector / 2)


def _star(x: Tensor, y: Tensor) -> Tensor:
    sector = 2 * math.pi / 5
    angle = torch.atan2(x, -y)
    folded = (angle - sector * (angle / sector).round()).abs()
    radius = torch.hypot(x, y)
    # Distance to the edge from the tip (1, 0) to the notch, half a sector on.
    notch = (0.45 * math.cos(sector / 2), 0.45 * math.sin(sector / 2))
    along = (notch[0] - 1, notch[1])
    length = math.hypot(*along)
    return (along[0] * radius * folded.sin() - along[1] * (radius * folded.cos() - 1)) / -length


SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": lambda x, y: torch.hypot(x, y) - 0.9,
    "square": lambda x, y: _box(x, y, 0.75, 0.75),
    "triangle": lambda x, y: _polygon(x, y, 3),
    "pentagon": lambda x, y: _polygon(x, y, 5),
    "star": _star,
    "cross": lambda x, y: torch.minimum(_box(x, y, 0.95, 0.3), _box(x, y, 0.3, 0.95)),
    "ring": lambda x, y: (torch.hypot(x, y) - 0.7).abs() - 0.25,
    "crescent": lambda x, y: torch.maximum(
        torch.hypot(x, y) - 0.95, 0.8 - torch.hypot(x - 0.45, y)
    ),
}
"""The classes: signed distance to each outline, negative inside, about one unit in radius.
Circle and ring look the same at every rotation."""

TEXTURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "plain": lambda x, y: torch.zeros_like(x),
    "stripes": lambda x, y: 0.5 + 0.5 * torch.sin(2 * math.pi * 1.25 * x),
    "checks": lambda x, y: (
        0.5 + 0.5 * torch.sin(4 * math.pi * x / 1.5).mul(torch.sin(4 * math.pi * y / 1.5))
    ),
    "dots": lambda x, y: (torch.cos(5 * x) * torch.cos(5 * y)).clamp(min=0),
}
"""Darkness in [0, 1] at coordinates that turn and grow with the shape."""

BACKGROUNDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "plain": lambda x, y: torch.zeros_like(x),
    "gradient": lambda x, y: 0.5 + 0.5 * y,
    "stripes": lambda x, y: 0.5 + 0.5 * torch.sin(2 * math.pi * (x + y)),
    "checks": lambda x, y: 0.5 + 0.5 * torch.sin(4 * x).mul(torch.sin(4 * y)),
}
"""Darkness in [0, 1] at image coordinates from -1 to 1."""

RANGES: dict[str, tuple[float, float]] = {
    "x": (-0.4, 0.4),
    "y": (-0.4, 0.4),
    "scale": (0.3, 0.6),
    "rotation": (0.0, 360.0),
    "hue": (0.0, 1.0),
    "brightness": (0.4, 1.0),
    "occlusion": (0.0, 0.5),
    "occlusion_angle": (0.0, 360.0),
    "background_hue": (0.0, 1.0),
}
"""Ranges of the continuous factors, each uniform: position of the centre and radius in half image
sides, rotation in degrees, colour in turns, brightness of the whole scene, share of the shape's
width that a grey slab hides and from which direction, colour of the background."""

_CATEGORIES: dict[str, Mapping[str, object]] = {
    "shape": SHAPES,
    "texture": TEXTURES,
    "background": BACKGROUNDS,
}


def sample_factors(
    n: int, generator: torch.Generator, *, fixed: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Draw the factors of images, independently of each other.

    Parameters
    ----------
    n : int
        Images.
    generator : torch.Generator
        A CPU generator.
    fixed : mapping of str to object, optional
        Factors that all images share, for example ``{"rotation": 0.0, "background": "plain"}``; the
        others are drawn as without it.

    Returns
    -------
    pandas.DataFrame
        One row an image; the columns are those of `RANGES`, and "shape" (in turn, so that classes
        are balanced), "texture" and "background".

    Raises
    ------
    InputError
        For an unknown factor or value.

    Examples
    --------
    >>> table = sample_factors(8, torch.Generator().manual_seed(0), fixed={"scale": 0.5})
    >>> sorted(set(table["shape"])) == sorted(SHAPES), table["scale"].unique()
    (True, array([0.5]))
    """
    import pandas as pd

    columns: dict[str, Any] = {
        name: (low + (high - low) * torch.rand(n, generator=generator, dtype=torch.float64)).numpy()
        for name, (low, high) in RANGES.items()
    }
    for name, known in _CATEGORIES.items():
        values = list(known)
        draw_ = torch.randint(len(values), (n,), generator=generator)
        rows = torch.arange(n) % len(values) if name == "shape" else draw_
        columns[name] = [values[k] for k in rows.tolist()]
    for name, value in (fixed or {}).items():
        if name not in columns:
            raise InputError(f"shapes have no factor {name!r}.{closest(name, columns)}")
        columns[name] = [value] * n
    table = pd.DataFrame(columns)
    _check_categories(table)
    return table


def _check_categories(table: pd.DataFrame) -> None:
    missing = ({*RANGES, *_CATEGORIES}) - set(table.columns)
    if missing:
        raise InputError(f"the table of factors lacks {', '.join(sorted(missing))}")
    for name, known in _CATEGORIES.items():
        for value in set(table[name]) - set(known):
            raise InputError(f"unknown {name} {value!r}.{closest(value, known)}")


def draw(factors: pd.DataFrame, *, size: int = 32) -> Tensor:
    """Draw images from their factors.

    Parameters
    ----------
    factors : pandas.DataFrame
        One row an image; see :func:`sample_factors`. Values outside `RANGES` are drawn too.
    size : int, default=32
        Pixels of a side, 16 to 64 is what the patterns are made for.

    Returns
    -------
    Tensor
        (n, 3, size, size) uint8.

    Examples
    --------
    >>> table = sample_factors(8, torch.Generator().manual_seed(0))
    >>> draw(table, size=16).shape
    torch.Size([8, 3, 16, 16])
    """
    if size < 8:
        raise InputError(f"shapes need at least 8 pixels; got {size}")
    _check_categories(factors)
    parts = [_draw(factors.iloc[at : at + _CHUNK], size) for at in range(0, len(factors), _CHUNK)]
    return torch.cat(parts) if parts else torch.zeros(0, 3, size, size, dtype=torch.uint8)


def _draw(factors: pd.DataFrame, size: int) -> Tensor:
    f = {
        name: torch.as_tensor(factors[name].to_numpy(dtype="float32", copy=True))[:, None, None]
        for name in RANGES
    }
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    x, y = axis.expand(len(factors), size, size), axis[:, None].expand(len(factors), size, size)
    pixel = 2 / size
    dx, dy = (x - f["x"]) / f["scale"], (y - f["y"]) / f["scale"]
    local_x, local_y = _turn(dx, dy, f["rotation"])
    distance = _by_category(factors["shape"], SHAPES, local_x, local_y)
    texture = _by_category(factors["texture"], TEXTURES, local_x, local_y)
    ground = _by_category(factors["background"], BACKGROUNDS, x, y)
    image = _hsv(f["background_hue"], 0.5, 0.65 - 0.35 * ground)
    shape = _hsv(f["hue"], 0.85, 1.0 - 0.55 * texture)
    image = torch.lerp(image, shape, _coverage(distance, f["scale"], pixel)[:, None])
    slab_x, slab_y = _turn(dx, dy, f["occlusion_angle"])
    slab = torch.maximum((1 - 2 * f["occlusion"]) - slab_x, _box(slab_x, slab_y, 1.3, 1.1))
    hidden = _coverage(slab, f["scale"], pixel) * (f["occlusion"] > 0)
    image = torch.lerp(image, torch.full_like(image, 0.5), hidden[:, None])
    return (image * f["brightness"][:, None] * 255).round_().clamp_(0, 255).to(torch.uint8)


def _turn(x: Tensor, y: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates in axes turned by an angle, clockwise as seen."""
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    return cos * x + sin * y, cos * y - sin * x


def _coverage(distance: Tensor, scale: Tensor, pixel: float) -> Tensor:
    return (0.5 - distance * scale / pixel).clamp_(0, 1)


def _by_category(
    column: pd.Series[str],
    functions: Mapping[str, Callable[[Tensor, Tensor], Tensor]],
    x: Tensor,
    y: Tensor,
) -> Tensor:
    result = torch.empty_like(x, memory_format=torch.contiguous_format)
    for name, function in functions.items():
        rows = torch.from_numpy((column == name).to_numpy(copy=True))
        result[rows] = function(x[rows], y[rows])
    return result


def _hsv(hue: Tensor, saturation: float, value: Tensor) -> Tensor:
    """(n, 3, h, w) from hue (n, 1, 1), a saturation and values (n, h, w)."""
    sixths = hue * 6
    weights = torch.stack(
        [
            ((sixths - 3).abs() - 1).clamp(0, 1),
            (2 - (sixths - 2).abs()).clamp(0, 1),
            (2 - (sixths - 4).abs()).clamp(0, 1),
        ],
        dim=1,
    )
    return value[:, None] * (1 - saturation + saturation * weights)


def load_shapes(
    *,
    split: str = "train",
    size: int = 32,
    n: int = 2000,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
) -> ImageData:
    """Draw a data set of shapes.

    Parameters
    ----------
    split : {"train", "test"}, default="train"
        Independent draws.
    size : int, default=32
        Pixels of a side.
    n : int, default=2000
        Images.
    seed : int, default=0
        Same seed, same images.
    fixed : mapping of str to object, optional
        See :func:`sample_factors`.

    Returns
    -------
    ImageData
        Labels are the shapes; ``factors`` has one row an image.

    Examples
    --------
    >>> data = load_shapes(n=16, size=16)
    >>> data.class_names[:3], data.factors.shape
    (('circle', 'square', 'triangle'), (16, 12))
    """
    if split not in ("train", "test"):
        raise InputError(f"shapes has no split {split!r}.{closest(split, ('train', 'test'))}")
    if n < 1:
        raise InputError(f"n must be positive; got {n}")
    factors = sample_factors(n, torch_generator(seed, "shapes", split), fixed=fixed)
    images = draw(factors, size=size)
    names = list(SHAPES)
    labels = torch.tensor([names.index(name) for name in factors["shape"]])
    return ImageData(
        images,
        labels,
        tuple(names),
        name=f"shapes/{split}",
        fingerprint=fingerprint(images, labels),
        source=f"{n:,} drawn shapes, {size} x {size}, seed {seed}",
        factors=factors,
    )
