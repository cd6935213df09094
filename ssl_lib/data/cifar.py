"""CIFAR-10 and CIFAR-100: the original files, or copies in parquet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ssl_lib.data.downloads import offline
from ssl_lib.data.images import ImageData
from ssl_lib.data.parquet import IMAGE_COLUMNS, load_parquet
from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.paths import data_root

__all__ = ["load_cifar"]

_SPLITS = ("train", "test")
_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


def load_cifar(
    name: str, *, split: str = "train", size: int | None = None, progress: bool | None = None
) -> ImageData:
    """Return CIFAR-10 or CIFAR-100.

    Looked for in the data folder: the original archive's folder, then ``NAME/SPLIT.parquet``; else
    torchvision downloads the original. Numbers to compare with a paper need the original: parquet
    files usually hold JPEG copies, and then ``source`` says so.

    Parameters
    ----------
    name : {"cifar10", "cifar100"}
        Which.
    split : {"train", "test"}, default="train"
        50,000 or 10,000 images.
    size : int, optional
        Resize to this; 32 by default.
    progress : bool, optional
        Show a bar when decoding.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        For an unknown split.
    MissingData
        When the files are neither there nor to be had.

    Examples
    --------
    >>> load_cifar("cifar10", split="valid")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: cifar10 has no split 'valid'. Known: test, train.
    """
    if split not in _SPLITS:
        raise InputError(f"{name} has no split {split!r}.{closest(split, _SPLITS)}")
    parquet = data_root() / name / f"{split}.parquet"
    if parquet.is_file() and not (data_root() / _FOLDERS[name]).is_dir():
        return _copies(name, split, parquet, size=size, progress=progress)
    data = _original(name, split)
    return data.resized(size) if size else data


def _copies(
    name: str, split: str, parquet: Path, *, size: int | None, progress: bool | None
) -> ImageData:
    data = load_parquet(parquet, size=size, name=f"{name}/{split}", progress=progress)
    kind = "JPEG copies, not the original pixels" if _is_jpeg(parquet) else "parquet copies"
    source = f"{_title(name)} {split}, {len(data):,} images ({kind})"
    return replace(data, source=source)


def _title(name: str) -> str:
    return name.upper().replace("CIFAR", "CIFAR-")


def _is_jpeg(parquet: Path) -> bool:
    import pyarrow.parquet as pq

    from ssl_lib.data.decode_worker import encoded

    column = next(name for name in IMAGE_COLUMNS if name in pq.read_schema(parquet).names)
    piece = {"file": str(parquet), "column": column, "start": 0, "stop": 1}
    return all((data or b"").startswith(b"\xff\xd8") for _, data in encoded(piece))


def _original(name: str, split: str) -> ImageData:
    from ssl_lib.vision import torchvision

    reader = getattr(torchvision("datasets"), name.upper())
    present = (data_root() / _FOLDERS[name]).is_dir()
    try:
        files = reader(data_root(), train=split == "train", download=not (present or offline()))
    except (OSError, RuntimeError) as error:
        raise MissingData(_missing(name, split, reader, str(error))) from error
    return ImageData(
        torch.from_numpy(files.data).permute(0, 3, 1, 2).contiguous(),
        torch.tensor(files.targets),
        tuple(files.classes),
        name=f"{name}/{split}",
        source=f"{_title(name)} {split}, {len(files.data):,} images",
    )


def _missing(name: str, split: str, reader: type, reason: str) -> str:
    return (
        f"{_title(name)} is not in {data_root()} and cannot be downloaded ({reason}). Get "
        f"{getattr(reader, 'url', '')} (MD5 {getattr(reader, 'tgz_md5', '')}) and unpack it there "
        f"as {_FOLDERS[name]}/, or put {name}/{split}.parquet there. The profiles smoke and quick "
        f"need no download."
    )
