"""The annotation files of the ``imagenet-x`` wheel, parsed once and kept packed.

The wheel's code is never imported: only its data files are read. Parsing 42 MB of JSON takes about
half a second, so the result (0.8 MB) is kept in ``cache_root()`` and read back in a millisecond.
"""

import contextlib
import functools
import hashlib
import importlib.util
import io
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import MissingData
from ssl_lib.paths import cache_root

__all__ = [
    "FACTORS",
    "METACLASSES",
    "N_CLASSES",
    "N_IMAGES",
    "TRAIN_STRIDE",
    "Packed",
    "annotation_sources",
    "find_annotations",
    "packed",
    "train_id",
]

Array = npt.NDArray[Any]

#: The sixteen factors of variation, in the order of every array (dossier order of the package).
FACTORS: tuple[str, ...] = (
    "pose",
    "background",
    "pattern",
    "color",
    "smaller",
    "shape",
    "partial_view",
    "subcategory",
    "texture",
    "larger",
    "darker",
    "object_blocking",
    "person_blocking",
    "style",
    "brighter",
    "multiple_objects",
)

#: Groups of classes; all classes outside the sixteen named groups are "other".
METACLASSES: tuple[str, ...] = (
    "device",
    "dog",
    "commodity",
    "bird",
    "structure",
    "covering",
    "wheeled_vehicle",
    "food",
    "equipment",
    "insect",
    "vehicle",
    "furniture",
    "primate",
    "vessel",
    "snake",
    "natural_object",
    "other",
)

N_CLASSES = 1000
N_IMAGES = 50_000  # of the ImageNet validation set, annotated or not

_FORMAT = 1  # raise when the layout of the packed file changes
_NO_FACTOR = len(FACTORS)
#: Image ids of the training set are synset number * TRAIN_STRIDE + number within the synset.
TRAIN_STRIDE = 10_000_000
_DIGEST_BYTES = 32
_FILES = (
    "filename_label.csv",
    "imagenet_1k_classes_to_100_metaclasses.csv",
    "imagenet_labels.txt",
    "imagenet_real_labels.jsonl",
    "imagenet_x_train_multi_factor.jsonl",
    "imagenet_x_train_top_factor.jsonl",
    "imagenet_x_val_multi_factor.jsonl",
    "imagenet_x_val_top_factor.jsonl",
    "prototypical_paths.csv",
)


class Split(NamedTuple):
    """Annotations of one split; rows are sorted by ``ids``."""

    ids: Array  # int64 (n,)
    labels: Array  # int16 (n,)
    multi: Array  # uint16 (n,), bit f is factor f
    top: Array  # uint8 (n,), index of the factor, 16 for none
    prototype: Array  # bool (n,)


class Packed:
    """Everything the wheel says, without its texts; each part is read when first used."""

    def __init__(self, stored: Mapping[str, Array]) -> None:
        self._stored = stored

    @functools.cached_property
    def val(self) -> Split:
        """The 48,868 annotated validation images."""
        return _split(self._stored, "val")

    @functools.cached_property
    def train(self) -> Split:
        """The 11,233 annotated training images."""
        return _split(self._stored, "train")

    @functools.cached_property
    def real_values(self) -> Array:
        """The reassessed labels of image 1, then of image 2, ...: int16."""
        return self._stored["real_values"]

    @functools.cached_property
    def real_lengths(self) -> Array:
        """How many reassessed labels each image has: uint8 (50000,)."""
        return self._stored["real_lengths"]

    @functools.cached_property
    def metaclass(self) -> Array:
        """Index in METACLASSES of each class: int8 (1000,)."""
        return self._stored["metaclass"]

    @functools.cached_property
    def class_names(self) -> tuple[str, ...]:
        """The 1,000 class names."""
        return tuple(_text(self._stored["class_names"]).split("\n"))

    @functools.cached_property
    def folder_ids(self) -> Array:
        """Image number at each position of the ImageFolder order: int64 (50000,)."""
        return self._stored["folder_ids"].astype(np.int64)

    @functools.cached_property
    def sources(self) -> Mapping[str, str]:
        """The sha256 of each file that this was read from."""
        return dict(json.loads(_text(self._stored["sources"])))


def find_annotations() -> Path:
    """Return the folder of annotation files in the installed ``imagenet-x`` wheel.

    Raises
    ------
    MissingData
        When the wheel is not installed or incomplete.

    Examples
    --------
    >>> find_annotations().name
    'annotations'
    """
    spec = importlib.util.find_spec("imagenet_x")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "annotations"
        if all((folder / name).is_file() for name in _FILES):
            return folder
    raise MissingData(
        "the ImageNet-X annotations are not installed; run: pip install 'imagenet-x>=0.0.7'"
    )


def annotation_sources() -> dict[str, str]:
    """Return the sha256 of every annotation file, by file name (for the key of a result).

    Examples
    --------
    >>> annotation_sources()["imagenet_labels.txt"][:16]
    '1d322cd0385b977e'
    """
    return dict(packed().sources)


def packed() -> Packed:
    """Return the parsed annotations: from memory, from the cache, or from the wheel.

    Examples
    --------
    >>> len(packed().val.ids), len(packed().train.ids)
    (48868, 11233)
    """
    folder = find_annotations()
    return _packed(folder, _key(folder))


@functools.lru_cache(maxsize=2)
def _packed(folder: Path, key: str) -> Packed:
    cache = cache_root() / "imagenet_x" / f"annotations-{key}.npz"
    stored = _read(cache)
    if stored is None:
        parsed = _parse(folder)
        _write(cache, parsed)
        return Packed(parsed)
    return Packed(stored)


def _key(folder: Path) -> str:
    stats = [(name, (folder / name).stat()) for name in _FILES]
    parts = [_FORMAT, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _read(cache: Path) -> Mapping[str, Array] | None:
    """Return the arrays of the cache file, or None when it is absent or damaged."""
    try:
        payload = cache.read_bytes()
    except OSError:
        return None
    content, digest = payload[:-_DIGEST_BYTES], payload[-_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        warnings.warn(f"{cache} is damaged; it is made again from the wheel", stacklevel=4)
        return None
    archive: Mapping[str, Array] = np.load(io.BytesIO(content), allow_pickle=False)
    return archive


def _write(cache: Path, arrays: Mapping[str, Array]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache.parent, prefix=cache.stem, suffix=".tmp")
    except OSError as error:
        warnings.warn(f"the parsed annotations are not kept: {error}", stacklevel=4)
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content + hashlib.sha256(content).digest())
        os.replace(temporary, cache)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _split(stored: Mapping[str, Array], split: str) -> Split:
    arrays = Split(*(stored[f"{split}_{field}"] for field in Split._fields))
    return arrays._replace(ids=arrays.ids.astype(np.int64))


def _text(codes: Array) -> str:
    return codes.tobytes().decode()


def _codes(text: str) -> Array:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _parse(folder: Path) -> dict[str, Array]:
    prototypes = (folder / "prototypical_paths.csv").read_text().split()[1:]
    real = json.loads((folder / "imagenet_real_labels.jsonl").read_text())
    sources = {name: _sha256(folder / name) for name in _FILES}
    return {
        **_parse_split(folder, "val", np.array([_val_id(name) for name in prototypes])),
        **_parse_split(folder, "train", np.array([], dtype=np.int64)),
        "real_values": np.array([label for labels in real for label in labels], dtype=np.int16),
        "real_lengths": np.array([len(labels) for labels in real], dtype=np.uint8),
        "metaclass": _parse_metaclasses(folder),
        "class_names": _codes("\n".join(_parse_class_names(folder))),
        "folder_ids": _parse_folder_order(folder).astype(np.uint16),
        "sources": _codes(json.dumps(sources)),
    }


def _parse_split(folder: Path, split: str, prototypes: Array) -> dict[str, Array]:
    names, labels, multi = _parse_rows(folder / f"imagenet_x_{split}_multi_factor.jsonl")
    top_names, _, top = _parse_rows(folder / f"imagenet_x_{split}_top_factor.jsonl")
    if names != top_names or (top.sum(axis=1) > 1).any() or (top > multi).any():
        raise MissingData(
            f"the {split} annotations of the installed imagenet-x wheel contradict each other; "
            "run: pip install --force-reinstall 'imagenet-x==0.0.7'"
        )
    ids = np.array([_val_id(name) if split == "val" else train_id(name) for name in names])
    order = np.argsort(ids)
    bits = (multi.astype(np.uint16) << np.arange(len(FACTORS), dtype=np.uint16)).sum(axis=1)
    chosen = np.where(top.any(axis=1), top.argmax(axis=1), _NO_FACTOR)
    arrays = {
        "ids": ids.astype(np.uint16 if split == "val" else np.int64),
        "labels": labels.astype(np.int16),
        "multi": bits.astype(np.uint16),
        "top": chosen.astype(np.uint8),
        "prototype": np.isin(ids, prototypes),
    }
    return {f"{split}_{field}": array[order] for field, array in arrays.items()}


def _parse_rows(path: Path) -> tuple[list[str], Array, Array]:
    """Return file names, labels (n,) and factors bool (n, 16) of one annotation file."""
    # Imported here: needed only when nothing is cached, and dear to load.
    import pyarrow as pa
    from pyarrow import json as pa_json

    fields = [("file_name", pa.string()), ("class", pa.int16())]
    schema = pa.schema([*fields, *((factor, pa.uint8()) for factor in FACTORS)])
    table = pa_json.read_json(
        path,
        read_options=pa_json.ReadOptions(block_size=8 << 20),
        parse_options=pa_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="ignore"
        ),
    )

    # Not to_numpy, which imports pandas.
    def column(name: str) -> Array:
        return np.from_dlpack(table[name].combine_chunks())

    factors = np.stack([column(factor) for factor in FACTORS], axis=1) == 1
    return table["file_name"].to_pylist(), column("class"), factors


def _parse_metaclasses(folder: Path) -> Array:
    lines = (folder / "imagenet_1k_classes_to_100_metaclasses.csv").read_text().splitlines()[1:]
    index = {name: position for position, name in enumerate(METACLASSES)}
    groups = [line.split(",")[1] for line in lines]
    return np.array([index.get(group, index["other"]) for group in groups], dtype=np.int8)


def _parse_class_names(folder: Path) -> list[str]:
    lines = (folder / "imagenet_labels.txt").read_text().splitlines()
    return [line.partition(",")[2] for line in lines]


def _parse_folder_order(folder: Path) -> Array:
    lines = (folder / "filename_label.csv").read_text().split()[1:]
    return np.array([_val_id(line.partition(",")[0]) for line in lines])


def _val_id(file_name: str) -> int:
    return int(file_name[15:23])


def train_id(file_name: str) -> int:
    """Return one number for a training file name, ``n03633091_15528.JPEG``.

    Examples
    --------
    >>> train_id("n03633091_15528.JPEG")
    36330910015528
    """
    synset, _, rest = file_name.partition("_")
    return int(synset[1:]) * TRAIN_STRIDE + int(rest.partition(".")[0])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
