"""TinyImageNet: 200 classes, 64 x 64 pixels, in parquet shards."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ssl_lib.data.images import ImageData
from ssl_lib.data.parquet import load_parquet
from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.paths import data_root

__all__ = ["load_tiny_imagenet"]

_PREFIX = {"train": "train", "valid": "val", "test": "val"}
_log = logging.getLogger(__name__)


def load_tiny_imagenet(
    *, split: str = "train", size: int | None = None, progress: bool | None = None
) -> ImageData:
    """Return TinyImageNet from the shards in the data folder, as many as are there.

    Parameters
    ----------
    split : {"train", "valid", "test"}, default="train"
        "test" is the labelled validation set, as everywhere: the true test labels are not public.
    size : int, optional
        Resize to this; 64 by default.
    progress : bool, optional
        Show a bar when decoding.

    Returns
    -------
    ImageData
        ``source`` says how many images, and how many of the shards, were found.

    Raises
    ------
    MissingData
        When no shard of the split is there.

    Examples
    --------
    >>> load_tiny_imagenet(split="all")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: tiny-imagenet has no split 'all'. Known: test, train, valid.
    """
    if split not in _PREFIX:
        raise InputError(f"tiny-imagenet has no split {split!r}.{closest(split, _PREFIX)}")
    folder = data_root() / "tiny-imagenet"
    files = sorted(folder.glob(f"{_PREFIX[split]}*.parquet"))
    if not files:
        raise MissingData(
            f"there is no {_PREFIX[split]}*.parquet in {folder}: put TinyImageNet there as parquet "
            f"files with the columns image {{bytes, path}} and label (positions among the sorted "
            f"wnids). The profiles smoke and quick need no download."
        )
    data = load_parquet(files, size=size, name=f"tiny-imagenet/{split}", progress=progress)
    source = f"TinyImageNet {split}, {len(data):,} images{_shards(files)}"
    _log.info("%s", source)
    return replace(data, source=source, class_names=_words(folder, data.class_names))


def _shards(files: Sequence[Path]) -> str:
    """Say how many of how many, where the files' names tell."""
    expected = [re.search(r"-of-(\d+)", file.name) for file in files]
    if not expected[0]:
        return ""
    return f" ({len(files)} of {int(expected[0].group(1))} shards)"


def _words(folder: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """First synonym of each class, with its wnid where two classes share a word."""
    file = folder / "words.json"
    if not file.is_file():
        return wnids
    try:
        words = json.loads(file.read_text(encoding="utf-8"))
        first = [str(words.get(wnid, wnid)).split(",")[0] for wnid in wnids]
    except (ValueError, AttributeError) as error:
        raise InputError(f"{file} is not a JSON object of wnid: words ({error})") from error
    shared = Counter(first)
    return tuple(
        word if shared[word] == 1 else f"{word} ({wnid})"
        for word, wnid in zip(first, wnids, strict=True)
    )
