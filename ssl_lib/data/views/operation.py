"""What every operation on a batch of images shares.

An operation is two functions. ``sample_parameters`` draws one set of parameters for each image, on
the host, from the CPU generator it is given; ``apply`` is a pure function of images and parameters.
So the same seed makes the same views on every device, parameters can be drawn once for each index
of a data set and reused in any order, and each operation is compared with its torchvision
counterpart at the same parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.errors import InputError

__all__ = [
    "Operation",
    "Parameters",
    "Shape",
    "constant",
    "grey",
    "on_rows",
    "to_float",
    "uniform",
    "upload",
]

Parameters = dict[str, Tensor]
"""Parameters of a batch by name: host tensors whose first axis is the image."""

Shape = tuple[int, int, int, int]
"""Images, channels, height, width."""

_PROBABILITIES = ("p", "flip")

LUMA = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in grey, as torchvision has them."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One step of an augmentation: images (n, c, h, w) in [0, 1] to images of the same kind.

    An operation's fields ``p`` and ``flip`` are probabilities.

    Raises
    ------
    InputError
        When a probability lies outside [0, 1].

    Examples
    --------
    >>> class Invert(Operation):
    ...     def sample_parameters(self, shape, generator):
    ...         return {"chosen": uniform(0, 1, shape[:1], generator) < 0.5}
    ...
    ...     def apply(self, images, parameters):
    ...         return on_rows(images, parameters["chosen"], lambda part, rows: 1 - part)
    >>> invert = Invert()
    >>> drawn = invert.sample_parameters((4, 1, 1, 1), torch.Generator().manual_seed(0))
    >>> invert.apply(torch.zeros(4, 1, 1, 1), drawn).flatten()
    tensor([0., 0., 1., 0.])
    """

    def __post_init__(self) -> None:
        for name in _PROBABILITIES:
            value = getattr(self, name, 0.0)
            if not 0 <= value <= 1:
                kind = type(self).__name__
                raise InputError(f"{kind}: {name} is a probability, from 0 to 1; got {value!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of what `apply` returns for images of this shape."""
        return shape

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw the parameters of ``shape[0]`` images.

        Parameters
        ----------
        shape : tuple of int
            (n, c, h, w) of the images to come.
        generator : torch.Generator
            A CPU generator.

        Returns
        -------
        dict of str to Tensor
            Host tensors, first axis n.
        """
        raise NotImplementedError

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the changed images.

        Parameters
        ----------
        images : Tensor
            (n, c, h, w) floating, on any device; left as they are.
        parameters : mapping of str to Tensor
            What `sample_parameters` returns.

        Returns
        -------
        Tensor
            On the device of `images`. Nothing waits for the device.
        """
        raise NotImplementedError


def uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw float64 numbers in [low, high) on the host.

    Parameters
    ----------
    low, high : float
        The range.
    shape : tuple of int
        Of the result.
    generator : torch.Generator
        On the CPU.

    Raises
    ------
    InputError
        When the generator belongs to another device.

    Examples
    --------
    >>> draws = uniform(2.0, 3.0, (1000,), torch.Generator().manual_seed(0))
    >>> bool((draws >= 2).all()), bool((draws < 3).all())
    (True, True)
    """
    if generator.device.type != "cpu":
        raise InputError(
            f"views draw their parameters on the host; pass a CPU generator, "
            f"not one on {generator.device} (the images may be on any device)"
        )
    unit = torch.rand(shape, generator=generator, dtype=torch.float64)
    return low + (high - low) * unit


def upload(values: Tensor, like: Tensor) -> Tensor:
    """Move host parameters to the device of `like`, floats in its dtype, without waiting.

    Parameters
    ----------
    values : Tensor
        On the host.
    like : Tensor
        Whose device and dtype are wanted.

    Examples
    --------
    >>> upload(torch.tensor([0.5], dtype=torch.float64), torch.zeros(1)).dtype
    torch.float32
    """
    dtype = like.dtype if values.is_floating_point() else values.dtype
    return values.to(dtype).to(like.device, non_blocking=True)


def constant(values: float | tuple[float, ...], like: Tensor) -> Tensor:
    """Return one value for each channel, (c, 1, 1), on the device and in the dtype of `like`.

    Parameters
    ----------
    values : float or tuple of float
        One for all channels, or one for each.
    like : Tensor
        (n, c, h, w).

    Raises
    ------
    InputError
        For another number of values.

    Examples
    --------
    >>> constant(0.5, torch.zeros(4, 3, 8, 8)).flatten()
    tensor([0.5000, 0.5000, 0.5000])
    """
    channels = like.shape[1]
    given = torch.tensor(values, dtype=torch.float64).reshape(-1)
    if len(given) not in (1, channels):
        raise InputError(f"{len(given)} values for images of {channels} channels: {values}")
    return upload(given.expand(channels), like)[:, None, None]


def on_rows(images: Tensor, chosen: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Apply a change to some images of a batch.

    Parameters
    ----------
    images : Tensor
        (n, c, h, w).
    chosen : Tensor
        (n,) bool on the host: choosing there lets the device run on without a wait.
    change : callable
        From the chosen images (m, c, h, w) and their rows (m,), on the host, to new images.

    Returns
    -------
    Tensor
        (n, c, h, w); `images` itself when none is chosen.

    Examples
    --------
    >>> images = torch.zeros(2, 1, 1, 1)
    >>> on_rows(images, torch.tensor([False, True]), lambda part, rows: part + 1).flatten()
    tensor([0., 1.])
    """
    rows = chosen.nonzero().squeeze(1)
    if len(rows) == 0:
        return images
    if len(rows) == len(images):
        return change(images, rows)
    where = upload(rows, images)
    return images.index_copy(0, where, change(images.index_select(0, where), rows))


def grey(images: Tensor) -> Tensor:
    """Return the luma (n, 1, h, w) of images (n, 3, h, w).

    Examples
    --------
    >>> grey(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)).item()
    0.2989...
    """
    red, green, blue = images.unbind(1)
    luma = (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
    return luma.unsqueeze(1)


def to_float(images: Tensor) -> Tensor:
    """Return images in [0, 1]: uint8 divided by 255, floats as they are.

    Raises
    ------
    InputError
        When the images are neither, or not of shape (n, c, h, w).

    Examples
    --------
    >>> to_float(torch.full((1, 1, 1, 2), 51, dtype=torch.uint8))
    tensor([[[[0.2000, 0.2000]]]])
    """
    if images.ndim != 4:
        raise InputError(f"images have the shape (n, c, h, w), not {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return images.float().div_(255)
    if not images.is_floating_point():
        raise InputError(f"images are uint8, or floating in [0, 1]; not {images.dtype}")
    return images
