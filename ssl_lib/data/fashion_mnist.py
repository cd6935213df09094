"""Fashion-MNIST: 70,000 grey photographs of clothes, 28 x 28 pixels."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import torch

from ssl_lib.data.downloads import offline
from ssl_lib.data.images import ImageData, joined
from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.paths import data_root

__all__ = ["load_fashion_mnist"]

_FOLDERS = ("fashion-mnist", "FashionMNIST/raw")
_FILES = {"train": "train", "test": "t10k"}
_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def load_fashion_mnist(
    *, split: str = "train", size: int | None = None, progress: bool | None = None
) -> ImageData:
    """Return Fashion-MNIST, the original pixels.

    Looked for in the data folder, unpacked or as ``.gz``: ``fashion-mnist/train-images-idx3-ubyte``
    and its three siblings, then the same in torchvision's ``FashionMNIST/raw``; else torchvision
    downloads them. Whatever compressed a file, its unpacked content must be the published one.

    Parameters
    ----------
    split : {"train", "test"}, default="train"
        60,000 or 10,000 images, as many of each class.
    size : int, optional
        Resize to this; 28 by default.
    progress : bool, optional
        As other data sets have it; reading takes less than a second.

    Returns
    -------
    ImageData
        Images (n, 1, 28, 28).

    Raises
    ------
    InputError
        For an unknown split.
    MissingData
        When a file is neither there nor to be had, or has another content.

    Examples
    --------
    >>> load_fashion_mnist(split="valid")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: fashion-mnist has no split 'valid'. Known: test, train.
    """
    if split not in _FILES:
        raise InputError(f"fashion-mnist has no split {split!r}.{closest(split, _FILES)}")
    names = [f"{_FILES[split]}-{kind}" for kind in _KINDS]
    images, labels = (_read(name) for name in names)
    data = ImageData(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels).long(),
        _CLASSES,
        name=f"fashion-mnist/{split}",
        fingerprint=joined(*(_SHA256[name] for name in names)),
        source=f"Fashion-MNIST {split}, {len(images):,} images",
    )
    return data.resized(size) if size else data


def _read(name: str) -> np.ndarray:
    """Return the array of a file whose content is known."""
    file = _find(name) or _download(name)
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise _missing(name, f"{file} cannot be unpacked ({error})") from error
    if hashlib.sha256(content).hexdigest() != _SHA256[name]:
        raise _missing(name, f"{file} has another content than expected")
    return _parse(content)


def _parse(content: bytes) -> np.ndarray:
    """Read the IDX format: two zeros, 8 for uint8, the number of dimensions, these, the values."""
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _find(name: str) -> Path | None:
    places = [data_root() / folder / f"{name}{end}" for folder in _FOLDERS for end in ("", ".gz")]
    return next((place for place in places if place.is_file()), None)


def _download(name: str) -> Path:
    from ssl_lib.vision import torchvision

    if offline():
        raise _missing(name, "it is not there, and SSL_LIB_OFFLINE forbids to download it")
    try:
        torchvision("datasets").FashionMNIST(data_root(), download=True)
    except (OSError, RuntimeError) as error:
        raise _missing(name, f"it is not there and cannot be downloaded ({error})") from error
    return data_root() / "FashionMNIST" / "raw" / name


def _missing(name: str, why: str) -> MissingData:
    return MissingData(
        f"Fashion-MNIST's {name} is needed: {why}. Get {_URL}/{name}.gz (sha256 {_SHA256[name]} "
        f"when unpacked) and put it, packed or not, into {data_root() / _FOLDERS[0]}. The profiles "
        f"smoke and quick need no download."
    )
