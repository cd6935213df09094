"""Channel statistics of the known data sets, and what to do with them."""

from typing import NamedTuple

from torch import Tensor

from ssl_lib.data.images import ImageData
from ssl_lib.data.views import Normalise, to_float
from ssl_lib.errors import InputError, closest

__all__ = [
    "STATISTICS",
    "Statistics",
    "channel_statistics",
    "normalise",
    "normaliser",
    "statistics",
]


_SPREAD_OF_A_PIXEL = 1e-3  # below it, look whether a channel is constant but for rounding


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel, in [0, 1].

    Attributes
    ----------
    mean, std : tuple of float
        One entry a channel.

    Examples
    --------
    >>> Statistics(mean=(0.5,), std=(0.25,)).std
    (0.25,)
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


STATISTICS = {
    "cifar10": Statistics((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": Statistics((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "digits": Statistics((0.3061,), (0.3760,)),
    "fashion-mnist": Statistics((0.2860,), (0.3530,)),
    "imagenet": Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "tiny-imagenet": Statistics((0.480, 0.448, 0.398), (0.277, 0.269, 0.282)),
}
"""Training-set statistics: CIFAR, ImageNet and TinyImageNet as the public implementations have
them, digits and Fashion-MNIST computed from our training split."""


def statistics(name: str) -> Statistics:
    """Return the channel statistics of a data set.

    Parameters
    ----------
    name : str
        A key of `STATISTICS`; a split may follow, as in "cifar10/train".

    Returns
    -------
    Statistics
        ``(mean, std)``, one value for each channel.

    Raises
    ------
    InputError
        When there are none: ``ImageData.mean_std()`` computes them.

    Examples
    --------
    >>> statistics("cifar10/train").mean
    (0.4914, 0.4822, 0.4465)
    """
    key = name.split("/", maxsplit=1)[0]
    if key not in STATISTICS:
        raise InputError(
            f"no recorded mean and std for {key!r}; ImageData.mean_std() computes them."
            f"{closest(key, STATISTICS)}"
        )
    return STATISTICS[key]


def channel_statistics(data: ImageData) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, for a normalisation.

    Parameters
    ----------
    data : ImageData
        The training images.

    Raises
    ------
    InputError
        When a channel has one value in all pixels: nothing normalises it.

    Examples
    --------
    >>> import torch
    >>> from ssl_lib.data import ImageData
    >>> images = torch.tensor([0, 7, 255, 7], dtype=torch.uint8).reshape(2, 2, 1, 1)
    >>> channel_statistics(ImageData(images, name="photos"))
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: channel 1 of 'photos' (counted from 0, of 2) is 7 in every pixel of
    every image: it cannot be normalised. Leave it out, or load the images with channels=1.
    """
    mean, std = data.mean_std()
    for channel, spread in enumerate(std):
        values = data.images[:, channel]
        if spread < _SPREAD_OF_A_PIXEL and bool((values == values.flatten()[0]).all()):
            raise InputError(
                f"channel {channel} of {data.name!r} (counted from 0, of {len(std)}) is "
                f"{int(values.flatten()[0])} in every pixel of every image: it cannot be "
                f"normalised. Leave it out, or load the images with channels=1."
            )
    return mean, std


def normaliser(name: str) -> Normalise:
    """Return the operation that normalises images of a data set, for the end of a policy.

    Parameters
    ----------
    name : str
        See :func:`statistics`.

    Returns
    -------
    Normalise

    Examples
    --------
    >>> normaliser("digits")
    Normalise(mean=(0.3061,), std=(0.376,))
    """
    mean, std = statistics(name)
    return Normalise(mean=mean, std=std)


def normalise(images: Tensor, name: str) -> Tensor:
    """Normalise a batch with the statistics of a data set.

    Parameters
    ----------
    images : Tensor
        (n, c, h, w) uint8, or floating in [0, 1].
    name : str
        See :func:`statistics`.

    Returns
    -------
    Tensor
        (n, c, h, w) floating.

    Examples
    --------
    >>> import torch
    >>> normalise(torch.zeros(1, 3, 1, 1), "imagenet").flatten()
    tensor([-2.1179, -2.0357, -1.8044])
    """
    return normaliser(name).apply(to_float(images), {})
