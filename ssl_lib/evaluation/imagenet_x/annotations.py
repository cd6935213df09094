"""ImageNet-X annotations as arrays, and what they say before any model is asked."""

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.imagenet_x.counts import ratio
from ssl_lib.evaluation.imagenet_x.wheel import (
    FACTORS,
    METACLASSES,
    N_CLASSES,
    N_IMAGES,
    TRAIN_STRIDE,
    packed,
)

__all__ = [
    "Association",
    "FactorTable",
    "Prototypes",
    "Selection",
    "SplitName",
    "active_factor_counts",
    "class_metaclasses",
    "class_names",
    "factor_association",
    "folder_image_ids",
    "load_annotations",
    "metaclass_association",
    "prevalence",
    "prevalence_shift",
    "real_labels",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
SplitName = Literal["val", "train"]
Selection = Literal["top", "multi"]
Prototypes = Literal["drop", "keep"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FactorTable:
    """Annotated images and the factors in which each differs from its class's prototypes.

    Attributes
    ----------
    image_ids : int64 array (n,)
        Ascending. For ``val`` the number in the file name, 1 to 50,000.
    labels : int16 array (n,)
        ImageNet class, 0 to 999.
    factors : bool array (n, 16)
        Columns in the order of ``FACTORS``.
    split, selection, prototypes : str
        What was asked of :func:`load_annotations`.

    Examples
    --------
    >>> table = load_annotations()
    >>> table
    FactorTable(46,110 val images, selection='top', prototypes='drop')
    >>> table.file_names[0]
    'ILSVRC2012_val_00000001.JPEG'
    """

    image_ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int16]
    factors: npt.NDArray[np.bool_]
    split: SplitName = "val"
    selection: Selection = "top"
    prototypes: Prototypes = "drop"

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        return (
            f"FactorTable({len(self):,} {self.split} images, selection={self.selection!r}, "
            f"prototypes={self.prototypes!r})"
        )

    @property
    def metaclasses(self) -> npt.NDArray[np.int8]:
        """Index in ``METACLASSES`` of each image's class, int8 (n,)."""
        return class_metaclasses()[self.labels]

    @property
    def file_names(self) -> list[str]:
        """File name of each image, as ImageNet has it."""
        if self.split == "val":
            return [f"ILSVRC2012_val_{number:08d}.JPEG" for number in self.image_ids.tolist()]
        parts = (divmod(number, TRAIN_STRIDE) for number in self.image_ids.tolist())
        return [f"n{synset:08d}_{number}.JPEG" for synset, number in parts]

    def subset(self, keep: Array) -> "FactorTable":
        """Return the rows chosen by a bool mask or by ascending positions."""
        return dataclasses.replace(
            self,
            image_ids=self.image_ids[keep],
            labels=self.labels[keep],
            factors=self.factors[keep],
        )


def load_annotations(
    *,
    split: SplitName = "val",
    selection: Selection = "top",
    prototypes: Prototypes = "drop",
    classes: Iterable[int] | None = None,
) -> FactorTable:
    """Return the ImageNet-X annotations of one split.

    Parameters
    ----------
    split : {"val", "train"}
        48,868 annotated validation images, or 11,233 training images.
    selection : {"top", "multi"}
        At most one factor an image (the one the annotator's summary names), or every ticked one.
    prototypes : {"drop", "keep"}
        The paper drops the three prototypical images of each class: 46,110 validation images stay.
    classes : iterable of int, optional
        Keep only images of these classes, for models that know a part of ImageNet.

    Returns
    -------
    FactorTable

    Raises
    ------
    MissingData
        When the ``imagenet-x`` wheel is not installed.
    InputError
        For an unknown name or class.

    Examples
    --------
    >>> table = load_annotations(selection="multi")
    >>> dict(zip(FACTORS, table.factors.sum(axis=0).tolist()))["texture"]
    879
    """
    _check("split", split, ("val", "train"))
    _check("selection", selection, ("top", "multi"))
    _check("prototypes", prototypes, ("drop", "keep"))
    rows = getattr(packed(), split)
    keep = np.ones(len(rows.ids), dtype=np.bool_)
    if prototypes == "drop":
        keep &= ~rows.prototype
    if classes is not None:
        keep &= np.isin(rows.labels, _check_classes(classes))
    if selection == "top":
        factors = rows.top[keep][:, None] == np.arange(len(FACTORS), dtype=np.uint8)
    else:
        pairs = rows.multi[keep].astype("<u2").view(np.uint8).reshape(-1, 2)
        factors = np.unpackbits(pairs, axis=1, bitorder="little").astype(np.bool_)
    return FactorTable(
        image_ids=rows.ids[keep],
        labels=rows.labels[keep],
        factors=factors,
        split=split,
        selection=selection,
        prototypes=prototypes,
    )


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(
            f"{what} must be one of {', '.join(known)}; got {value!r}.{closest(value, known)}"
        )


def _check_classes(classes: Iterable[int]) -> Array:
    wanted = np.asarray(list(classes))
    whole = wanted.size > 0 and np.issubdtype(wanted.dtype, np.integer)
    if not whole or wanted.min() < 0 or wanted.max() >= N_CLASSES:
        raise InputError("classes must be whole numbers from 0 to 999, at least one")
    return wanted


def class_metaclasses() -> npt.NDArray[np.int8]:
    """Return the metaclass of each ImageNet class, int8 (1000,), index in ``METACLASSES``.

    Examples
    --------
    >>> METACLASSES[class_metaclasses()[207]], class_names()[207]
    ('dog', 'golden retriever')
    """
    return packed().metaclass


def class_names() -> tuple[str, ...]:
    """Return the 1,000 class names.

    Examples
    --------
    >>> class_names()[:2]
    ('tench', 'goldfish')
    """
    return packed().class_names


def folder_image_ids() -> npt.NDArray[np.int64]:
    """Return the image number at each of the 50,000 positions of an ImageFolder's validation set.

    torchvision sorts by class, then by file name; timm's folder reader does the same.

    Examples
    --------
    >>> folder_image_ids()[:3]
    array([ 293, 2138, 3014])
    """
    return packed().folder_ids


def real_labels() -> npt.NDArray[np.int16]:
    """Return the reassessed labels (ReaL) of the 50,000 validation images.

    Returns
    -------
    int16 array (50000, r)
        Row k is image k + 1; unused places hold -1, so an image without labels is a row of -1.

    Examples
    --------
    >>> real_labels()[:2, :2]
    array([[ -1,  -1],
           [970, 795]], dtype=int16)
    >>> int((real_labels()[:, 0] < 0).sum())
    3163
    """
    lengths = packed().real_lengths
    labels = np.full((N_IMAGES, int(lengths.max())), -1, dtype=np.int16)
    labels[np.arange(labels.shape[1]) < lengths[:, None]] = packed().real_values
    return labels


def prevalence(table: FactorTable) -> Floats:
    """Return the share of images that carry each factor, (16,).

    Examples
    --------
    >>> (100 * prevalence(load_annotations())[:3]).round(2)
    array([32.67, 31.99, 12.95])
    """
    return np.asarray(table.factors.mean(axis=0, dtype=np.float64))


def active_factor_counts(table: FactorTable) -> npt.NDArray[np.int64]:
    """Return the number of images with 0, 1, ..., 16 factors, int64 (17,).

    Examples
    --------
    >>> active_factor_counts(load_annotations(selection="multi"))[:5]
    array([    2,  6382, 18179, 13091,  6331])
    """
    return np.bincount(table.factors.sum(axis=1), minlength=len(FACTORS) + 1)


def prevalence_shift(table: FactorTable) -> Floats:
    """Return how much more often a metaclass varies in each factor, relative to all images.

    With ``P(f|g) = n_gf / sum_f n_gf`` (a share of ticks, not of images) this is
    ``(P(f|g) - P(f)) / P(f)``.

    Returns
    -------
    float64 array (17, 16)
        Rows in the order of ``METACLASSES``. NaN for a metaclass without ticks and for a factor
        that no image has.

    Examples
    --------
    >>> shift = prevalence_shift(load_annotations())
    >>> round(float(shift[METACLASSES.index("dog"), FACTORS.index("pose")]), 2)
    0.36
    """
    ticks = _by_metaclass(table)
    overall = ratio(ticks.sum(axis=0), ticks.sum())
    share = ratio(ticks, ticks.sum(axis=1, keepdims=True))
    return ratio(share - overall, overall)


def _by_metaclass(table: FactorTable) -> Floats:
    groups = table.metaclasses[:, None] == np.arange(len(METACLASSES))
    return np.asarray(groups.T.astype(np.float64) @ table.factors)


class Association(NamedTuple):
    """Correlation of binary columns, and the p-value of its t-test."""

    phi: Floats
    p_value: Floats


def factor_association(table: FactorTable) -> Association:
    """Return the phi coefficient of each pair of factors.

    For binary columns phi, Pearson's and Spearman's correlations are one number.

    Returns
    -------
    Association
        Two (16, 16) arrays; NaN for a factor that no image, or every image, has.

    Examples
    --------
    >>> phi = factor_association(load_annotations(selection="multi")).phi
    >>> round(float(phi[FACTORS.index("color"), FACTORS.index("pattern")]), 3)
    0.213
    """
    return _association(table.factors, table.factors)


def metaclass_association(table: FactorTable) -> Association:
    """Return the phi coefficient of each factor with each metaclass, two (16, 17) arrays.

    Examples
    --------
    >>> phi = metaclass_association(load_annotations(selection="multi")).phi
    >>> round(float(phi[FACTORS.index("pattern"), METACLASSES.index("dog")]), 3)
    -0.169
    """
    groups = table.metaclasses[:, None] == np.arange(len(METACLASSES))
    return _association(table.factors, groups)


def _association(left: Array, right: Array) -> Association:
    from scipy import stats

    n = len(left)
    a, b = left - left.mean(axis=0), right - right.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = (a.T @ b) / np.sqrt(np.outer((a * a).sum(axis=0), (b * b).sum(axis=0)))
        phi = np.clip(phi, -1.0, 1.0)
        t = phi * np.sqrt((n - 2) / (1 - phi**2))
    return Association(phi, 2 * stats.t.sf(np.abs(t), n - 2))
