"""Raising the dimension of real encoders, and an encoder of the reader's own."""

import pandas as pd
import torch
from torch import nn

from ssl_lib.data import ImageData
from ssl_lib.data import load as load_images
from ssl_lib.errors import InputError
from ssl_lib.evaluation.features import subsample
from ssl_lib.models import build_encoder, build_resnet

__all__ = ["expansions", "folder_or_shapes", "model"]


def expansions(dims: tuple[int, ...] = (128, 512, 2048, 8192, 16_384)) -> pd.DataFrame:
    """Count the parameters of ResNet-18 for TinyImageNet with the bottleneck block.

    Parameters
    ----------
    dims : tuple of int
        Dimensions of the representation.

    Returns
    -------
    pandas.DataFrame
        ``representation``, ``parameters`` of the encoder, ``block`` (how many of them are the
        block's), and ``linear`` (what a linear layer from 512 features to d would take instead).

    Examples
    --------
    >>> expansions((2048,)).parameters.tolist()
    [11168832, 14844992]
    """
    plain = _parameters(None)
    rows = [("d = 512, no block", plain, 0, 0)]
    for dim in dims:
        total = _parameters(dim)
        rows.append((f"d = {dim:,}", total, total - plain, 513 * dim))
    return pd.DataFrame(rows, columns=["representation", "parameters", "block", "linear"])


def _parameters(dim: int | None) -> int:
    with torch.device("meta"):
        encoder = build_resnet("resnet18", in_channels=3, image_size=64, out_dim=dim)
    return sum(p.numel() for p in encoder.parameters())


def folder_or_shapes(images: str, *, most: int) -> tuple[ImageData, ImageData]:
    """Load a folder of class folders, or draw shapes where there is none.

    Parameters
    ----------
    images : str
        A folder, or empty.
    most : int
        How many images are used at most.

    Returns
    -------
    train, test : ImageData
        Two halves.
    """
    data = load_images(images, size=64) if images else load_images("shapes", n=most, size=32)
    data = subsample(data, most)
    if len(data) < 4:
        raise InputError(f"images must name a folder with four images at least, got {images!r}.")
    return data.subset(slice(0, len(data), 2)), data.subset(slice(1, len(data), 2))


def model(name: str, data: ImageData, *, seed: int) -> nn.Module:
    """Build the encoder that the page measures: any name of the library, random weights.

    Parameters
    ----------
    name : str
        "convnet", "torchvision:resnet18", ...; see :func:`ssl_lib.models.build_encoder`.
    data : ImageData
        Images it is to encode.
    seed : int
        Of its weights.

    Returns
    -------
    torch.nn.Module
    """
    channels, size, _ = data.shape
    return build_encoder(name, in_channels=channels, image_size=size, seed=seed)
