"""A data set in memory: all images and labels as two tensors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ssl_lib.data.views import Resize, to_float
from ssl_lib.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Batch", "ImageData", "fingerprint", "joined"]

_CHUNK = 4096
_POSITIONS = (torch.int64, torch.int32, torch.int16)


class Batch(NamedTuple):
    """Some images, their labels, and their positions in the data set.

    Attributes
    ----------
    images : Tensor
        (b, c, h, w) uint8.
    labels : Tensor or None
        (b,) int64; None where the data have no labels.
    index : Tensor
        (b,) int64, 0 to n - 1: DIET's targets, and the rows of per-image parameters.

    Examples
    --------
    >>> from ssl_lib.data import load
    >>> batch = next(load("digits").batches(torch.Generator().manual_seed(0), 32))
    >>> batch.images.shape, batch.labels.shape, batch.index.shape
    (torch.Size([32, 1, 8, 8]), torch.Size([32]), torch.Size([32]))
    """

    images: Tensor
    labels: Tensor | None
    index: Tensor  # type: ignore[assignment] # hides tuple.index, which nobody misses


def fingerprint(*tensors: Tensor) -> str:
    """Return the SHA-256 of tensors: their types, shapes and bytes.

    Parameters
    ----------
    *tensors : Tensor
        On any device.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> fingerprint(torch.arange(3))[:12]
    '29e8458bd22b'
    """
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().reshape(-1).view("uint8").data)
    return digest.hexdigest()


def joined(*parts: str) -> str:
    """Return one fingerprint for several.

    Examples
    --------
    >>> joined("a", "b") == joined("b", "a")
    False
    """
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Labels:
    """The field of the labels: reading them where there are none says so."""

    def __get__(self, data: ImageData | None, owner: type | None = None) -> Tensor:
        # Asked of the class, it is the field's default.
        return data.labels_for("this") if data is not None else None  # type: ignore[return-value]

    def __set__(self, data: ImageData, labels: Tensor | None) -> None:
        vars(data)["labels"] = labels


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images in memory, on one device, with labels where there are any.

    Attributes
    ----------
    images : Tensor
        (n, c, h, w) uint8.
    labels : Tensor
        (n,) int64, each a position in `class_names`. None says that there are none: whatever reads
        them then fails with an error that names the data.
    class_names : tuple of str
        Names of the classes; empty without labels.
    name : str
        Short name, for example "digits/train".
    fingerprint : str
        Identifies images, labels and their order: for the key of a results store.
    source : str
        One line on where the images come from, for captions.
    factors : pandas.DataFrame or None
        One row an image, where its factors of variation are known.

    Raises
    ------
    InputError
        When the parts do not fit together.

    Examples
    --------
    >>> images = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    >>> data = ImageData(images, torch.arange(6) % 2, ("even", "odd"), name="parity")
    >>> data
    ImageData('parity', 6 images of 1 x 8 x 8, 2 classes, cpu)
    >>> data.subset(data.labels == 1).labels
    tensor([1, 1, 1])
    >>> ImageData(images, name="photos")
    ImageData('photos', 6 images of 1 x 8 x 8, no labels, cpu)
    """

    images: Tensor
    labels: _Labels = _Labels()
    class_names: tuple[str, ...] = ()
    name: str = "images"
    fingerprint: str = ""
    source: str = ""
    factors: pd.DataFrame | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        labels = self._labels
        _check_images(self.images, self.name)
        _check_labels(len(self), labels, self.class_names, self.name)
        if self.factors is not None and len(self.factors) != len(self.images):
            raise InputError(
                f"{self.name}: {len(self.factors)} rows of factors for {len(self.images)} images"
            )
        if not self.fingerprint:
            parts = (self.images,) if labels is None else (self.images, labels)
            object.__setattr__(self, "fingerprint", fingerprint(*parts))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        classes = f"{self.n_classes} classes" if self.has_labels else "no labels"
        return (
            f"ImageData({self.name!r}, {len(self):,} images of {shape}, {classes}, {self.device})"
        )

    @property
    def _labels(self) -> Tensor | None:
        labels: Tensor | None = vars(self)["labels"]
        return labels

    def _with(self, images: Tensor, **changes: Any) -> ImageData:
        """Return the same with other images; labels may be absent and stay so."""
        return replace(self, images=images, **{"labels": self._labels, **changes})

    @property
    def has_labels(self) -> bool:
        """Whether the images have labels."""
        return self._labels is not None

    def labels_for(self, purpose: str) -> Tensor:
        """Return the labels, or say what needs them.

        Parameters
        ----------
        purpose : str
            What needs them, in the singular, for the error message.

        Raises
        ------
        InputError
            When there are none.

        Examples
        --------
        >>> images = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
        >>> ImageData(images, name="photos").labels_for("a probe")
        Traceback (most recent call last):
        ...
        ssl_lib.errors.InputError: a probe needs labels, and 'photos' has none.
        """
        labels = self._labels
        if labels is None:
            where = f" ({self.source})" if self.source else ""
            raise InputError(f"{purpose} needs labels, and {self.name!r} has none{where}.")
        return labels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, c, h, w = self.images.shape
        return c, h, w

    @property
    def n_classes(self) -> int:
        """Number of classes, of which some may have no image; 0 without labels."""
        return len(self.class_names)

    @property
    def device(self) -> torch.device:
        """Where images and labels are."""
        return self.images.device

    def counts(self) -> Tensor:
        """Return the number of images of each class, (n_classes,) int64.

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> load("digits", split="test").counts().sum()
        tensor(500)
        """
        return torch.bincount(self.labels, minlength=self.n_classes)

    def to(self, device: str | torch.device) -> ImageData:
        """Return the same data on another device.

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> load("digits").to("cpu").device
        device(type='cpu')
        """
        if torch.device(device) == self.device:
            return self
        labels = self._labels
        return self._with(
            self.images.to(device), labels=None if labels is None else labels.to(device)
        )

    def subset(
        self, index: Tensor | Sequence[int] | slice, *, name: str | None = None
    ) -> ImageData:
        """Return some of the images, in the order of `index`, with a fingerprint of their own.

        Parameters
        ----------
        index : Tensor, sequence of int or slice
            Positions, or one bool for each image.
        name : str, optional
            The subset's name; the same by default.

        Returns
        -------
        ImageData

        Raises
        ------
        InputError
            When a position lies outside the data, the bools are too few or too many, or `index` is
            neither: uint8 might be positions or a mask.

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> load("digits").subset([5, 3]).images.shape
        torch.Size([2, 1, 8, 8])
        """
        rows = self._rows(index)
        here, labels = rows.to(self.device), self._labels
        return self._with(
            self.images[here],
            labels=None if labels is None else labels[here],
            name=name or self.name,
            fingerprint=joined(self.fingerprint, fingerprint(rows)),
            factors=None if self.factors is None else self.factors.iloc[rows.numpy()],
        )

    def _rows(self, index: Tensor | Sequence[int] | slice) -> Tensor:
        if isinstance(index, slice):
            return torch.tensor(range(len(self))[index], dtype=torch.int64)
        rows = torch.as_tensor(index).cpu()
        if rows.dtype == torch.bool:
            if rows.shape != (len(self),):
                raise InputError(
                    f"{self.name}: {rows.numel()} bools do not select among {len(self)} images"
                )
            return rows.nonzero().squeeze(1)
        if rows.ndim > 1 or (rows.numel() and rows.dtype not in _POSITIONS):
            raise InputError(
                f"{self.name}: images are selected by int64 positions or by bools, in one "
                f"dimension; got {rows.dtype} {tuple(rows.shape)}"
            )
        rows = rows.long().reshape(-1)
        if len(rows) and not (-len(self) <= int(rows.min()) and int(rows.max()) < len(self)):
            raise InputError(
                f"{self.name}: positions {int(rows.min())} to {int(rows.max())} go beyond the "
                f"{len(self)} images"
            )
        return rows

    def batches(
        self, generator: torch.Generator | None, batch_size: int, drop_last: bool = True
    ) -> Iterator[Batch]:
        """Go once through the data.

        Parameters
        ----------
        generator : torch.Generator or None
            Draws the order; a CPU generator draws the same order on every device. None: in order.
        batch_size : int
            Images a batch.
        drop_last : bool, default=True
            Leave out the last batch when it is not full: batch statistics need full ones.

        Yields
        ------
        Batch
            Images, labels and positions on the data's device.

        Raises
        ------
        InputError
            When no batch would be full, or `batch_size` is not positive.

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> data = load("digits")
        >>> [len(batch.index) for batch in data.batches(torch.Generator(), 500, drop_last=False)]
        [500, 500, 297]
        """
        if batch_size < 1:
            raise InputError(f"batch_size must be positive; got {batch_size}")
        if drop_last and len(self) < batch_size:
            raise InputError(
                f"{self.name}: batch_size {batch_size} exceeds the {len(self)} images; "
                f"use a smaller one, or drop_last=False"
            )
        return self._batches(generator, batch_size, drop_last)

    def _batches(
        self, generator: torch.Generator | None, batch_size: int, drop_last: bool
    ) -> Iterator[Batch]:
        order = _order(len(self), generator).to(self.device, non_blocking=True)
        stop = len(self) - len(self) % batch_size if drop_last else len(self)
        labels = self._labels
        for at in range(0, stop, batch_size):
            index = order[at : min(at + batch_size, stop)]
            yield Batch(self.images[index], None if labels is None else labels[index], index)

    def resized(self, size: int) -> ImageData:
        """Return the images resized to `size` x `size` (bicubic, antialiased, rounded).

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> load("digits").resized(16).shape
        (1, 16, 16)
        """
        if self.shape[1:] == (size, size):
            return self
        resize = Resize(size=size, interpolation="bicubic")
        parts = [
            resize.apply(to_float(chunk), {}).mul_(255).round_().to(torch.uint8)
            for chunk in self.images.split(_CHUNK)
        ]
        return self._with(torch.cat(parts), fingerprint=joined(self.fingerprint, f"size {size}"))

    def floats(self) -> Tensor:
        """Return all images as float32 in [0, 1], (n, c, h, w).

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> float(load("digits").floats().max())
        1.0
        """
        return self.images.float().div_(255)

    def mean_std(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of each channel in [0, 1], over images and pixels.

        Returns
        -------
        mean, std : tuple of float
            One value for each channel.

        Examples
        --------
        >>> from ssl_lib.data import load
        >>> [round(value[0], 3) for value in load("digits").mean_std()]
        [0.306, 0.376]
        """
        # Whole numbers add up to the same in any order, whatever the number of threads.
        total = torch.zeros(2, self.shape[0], dtype=torch.int64)
        for chunk in self.images.split(_CHUNK):
            values = chunk.int()
            total += torch.stack([v.sum((0, 2, 3)) for v in (values, values.square())]).cpu()
        n = self.images.numel() // self.shape[0]
        pairs = list(zip(*total.tolist(), strict=True))
        means = tuple(first / (255 * n) for first, _ in pairs)
        return means, tuple(math.sqrt(n * second - first**2) / (255 * n) for first, second in pairs)


def _order(n: int, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        return torch.arange(n)
    return torch.randperm(n, generator=generator, device=generator.device)


def _check_images(images: Tensor, name: str) -> None:
    if images.ndim != 4 or images.dtype != torch.uint8:
        raise InputError(
            f"{name}: images must be uint8 of shape (n, c, h, w); got {images.dtype} "
            f"{tuple(images.shape)}"
        )


def _check_labels(n: int, labels: Tensor | None, class_names: Sequence[str], name: str) -> None:
    if labels is None:
        if class_names:
            raise InputError(f"{name}: {len(class_names)} class names, but no labels")
        return
    if labels.dtype != torch.int64 or labels.shape != (n,):
        raise InputError(
            f"{name}: labels must be int64 of shape ({n},); got {labels.dtype} "
            f"{tuple(labels.shape)}"
        )
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < len(class_names)):
        raise InputError(
            f"{name}: labels {int(labels.min())} to {int(labels.max())} do not fit the "
            f"{len(class_names)} class names"
        )
