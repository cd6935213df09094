"""Data whose batches hold few classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch

from ssl_lib.arguments import check_whole
from ssl_lib.data.images import Batch, ImageData, joined
from ssl_lib.data.subsets import class_poor_batches
from ssl_lib.errors import InputError

__all__ = ["ClassPoorData", "class_poor"]


@dataclass(frozen=True, eq=False, repr=False)
class ClassPoorData(ImageData):
    """Images that are shown in batches of few classes, see :func:`class_poor`.

    Attributes
    ----------
    classes_per_batch : int
        How many.

    Examples
    --------
    >>> from ssl_lib.data import load
    >>> isinstance(class_poor(load("digits"), 2), ClassPoorData)
    True
    """

    classes_per_batch: int = 1

    def _batches(
        self, generator: torch.Generator | None, batch_size: int, drop_last: bool
    ) -> Iterator[Batch]:
        if generator is None:
            yield from super()._batches(None, batch_size, drop_last)
            return
        labels = self.labels_for("a batch of few classes")
        for rows in class_poor_batches(
            labels,
            generator=generator,
            n_batches=len(self) // batch_size,
            batch_size=batch_size,
            classes_per_batch=self.classes_per_batch,
        ):
            index = rows.to(self.device)
            yield Batch(self.images[index], labels[index], index)


def class_poor(data: ImageData, classes_per_batch: int) -> ClassPoorData:
    """Return data that a training loop sees in batches of few classes.

    Each batch is drawn by :func:`~ssl_lib.data.subsets.class_poor_batches`, so that every image is
    as likely as in ordinary batches. A pass has as many batches as before, and batches in order
    (without a generator) still go once through all images.

    Parameters
    ----------
    data : ImageData
        With labels.
    classes_per_batch : int
        From 1 to the number of classes with images.

    Returns
    -------
    ClassPoorData

    Raises
    ------
    InputError
        When there are no labels, or not so many classes.

    Examples
    --------
    >>> from ssl_lib.data import load
    >>> data = class_poor(load("digits"), 2)
    >>> [len(b.labels.unique()) for b in data.batches(torch.Generator().manual_seed(0), 256)]
    [2, 2, 2, 2, 2]
    """
    present = len(data.labels_for("a batch of few classes").unique())
    if not 1 <= check_whole("classes_per_batch", classes_per_batch) <= present:
        raise InputError(
            f"classes_per_batch must be from 1 to the {present} classes of {data.name}; got "
            f"{classes_per_batch}"
        )
    parts = {part.name: getattr(data, part.name) for part in fields(ImageData)}
    mark = joined(data.fingerprint, f"{classes_per_batch} classes a batch")
    return ClassPoorData(**parts | {"fingerprint": mark}, classes_per_batch=classes_per_batch)
