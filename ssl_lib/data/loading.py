"""One door to every data set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ssl_lib.data.cifar import load_cifar
from ssl_lib.data.digits import load_digits
from ssl_lib.data.fashion_mnist import load_fashion_mnist
from ssl_lib.data.folder import load_folder
from ssl_lib.data.images import ImageData
from ssl_lib.data.parquet import load_parquet
from ssl_lib.data.shapes import load_shapes
from ssl_lib.data.tiny_imagenet import load_tiny_imagenet
from ssl_lib.errors import InputError, closest

__all__ = ["NAMES", "load"]

_SPLITS = frozenset({"test", "testing", "train", "training", "val", "valid", "validation"})


def _digits(*, split: str, size: int | None, progress: bool | None) -> ImageData:
    data = load_digits(split=split)
    return data.resized(size) if size else data


def _shapes(*, split: str, size: int | None, progress: bool | None, **options: Any) -> ImageData:
    return load_shapes(split=split, size=size or 32, **options)


def _cifar10(**options: Any) -> ImageData:
    return load_cifar("cifar10", **options)


def _cifar100(**options: Any) -> ImageData:
    return load_cifar("cifar100", **options)


NAMES: dict[str, Callable[..., ImageData]] = {
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "digits": _digits,
    "fashion-mnist": load_fashion_mnist,
    "shapes": _shapes,
    "tiny-imagenet": load_tiny_imagenet,
}
"""The data sets that have a name."""


def load(
    name_or_path: str | os.PathLike[str],
    *,
    split: str | None = None,
    size: int | None = None,
    device: str | torch.device = "cpu",
    progress: bool | None = None,
    **options: Any,
) -> ImageData:
    """Load a data set into memory.

    Parameters
    ----------
    name_or_path : str or path
        One of "digits", "shapes", "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet"; a
        parquet file; a folder of parquet files; a folder of class folders; a folder of images,
        which then have no labels, as those of a parquet file without a column of labels.
    split : str, optional
        "train" (the default of named sets), "test"; "valid" of tiny-imagenet, "all" of digits. Of a
        folder: the parquet files whose names start with it, or the sub-folder of that name; by
        default all of it, unless its sub-folders are called train, test and the like.
    size : int, optional
        Side in pixels. By default the data's own, 32 for shapes; files of mixed sizes need it.
    device : str or torch.device, default="cpu"
        Where the images go.
    progress : bool, optional
        Show a bar while decoding; by default when standard error is a terminal.
    **options
        shapes: ``n``, ``seed``, ``fixed``. Parquet files: ``channels``, ``image_column``,
        ``label_column``, ``class_names``. Folders of images: ``channels``. Pixels of 16 bits are
        scaled to 8; orientation tags of photographs are not applied.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        For an unknown name, with the nearest known one, and for whatever is wrong with the files.
    MissingData
        When a named set's files are neither there nor to be had.

    Examples
    --------
    >>> load("digits", split="test")
    ImageData('digits/test', 500 images of 1 x 8 x 8, 10 classes, cpu)
    >>> load("shapes", n=100, size=16)
    ImageData('shapes/train', 100 images of 3 x 16 x 16, 8 classes, cpu)
    >>> load("cifar")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: unknown data set 'cifar', and no such file. Did you mean 'cifar10'?
    """
    key = os.fspath(name_or_path)
    if not key:
        raise InputError(f"a data set is a name or a path; got ''.{closest(key, NAMES)}")
    if size is not None and (not hasattr(size, "__index__") or size < 1):
        raise InputError(f"size must be positive, a whole number of pixels; got {size!r}")
    reader = NAMES.get(key) or _path_reader(key, split)
    if key in NAMES:
        options["split"] = split or "train"
    try:
        data = reader(size=size, progress=progress, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise InputError(f"data set {key!r}: {str(error).split('() ')[-1]}") from error
    return data.to(device)


def _path_reader(key: str, split: str | None) -> Callable[..., ImageData]:
    path = Path(key).expanduser()
    if path.is_file():
        return lambda **options: load_parquet(path, **options)
    if not path.is_dir():
        raise InputError(f"unknown data set {key!r}, and no such file.{closest(key, NAMES)}")
    files = _parquet_files(path) or _parquet_files(path / "data")
    if files:
        return lambda **options: load_parquet(_of_split(path, files, split), **options)
    folder = path / split if split else path
    if not folder.is_dir():
        raise InputError(f"{path} has no sub-folder {split!r}")
    _check_whole(folder)
    return lambda **options: load_folder(folder, **options)


def _check_whole(folder: Path) -> None:
    """Refuse a folder of splits, which would pass for a data set whose classes they are."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = [name for name in names if not name.startswith(".")]
    if len(names) > 1 and {name.lower() for name in names} <= _SPLITS:
        one = next((name for name in names if name.lower().startswith("train")), names[0])
        raise InputError(
            f"{folder} holds splits ({', '.join(names)}), not classes: choose one with "
            f"split={one!r} or by the path {folder / one}"
        )


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def _of_split(folder: Path, files: list[Path], split: str | None) -> list[Path]:
    chosen = [file for file in files if file.name.startswith(split or "")]
    if not chosen:
        names = ", ".join(file.name for file in files)
        raise InputError(f"{folder} has no parquet file whose name starts with {split!r}: {names}")
    return chosen
