"""A streaming meter: feed it batches of any classifier, get the report by factor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import predicted_classes
from ssl_lib.evaluation.imagenet_x.annotations import (
    Prototypes,
    Selection,
    folder_image_ids,
    load_annotations,
)
from ssl_lib.evaluation.imagenet_x.predictions import Predictions, image_number
from ssl_lib.evaluation.imagenet_x.report import FactorReport, report
from ssl_lib.evaluation.imagenet_x.scoring import Empty, Scoring, score
from ssl_lib.evaluation.imagenet_x.wheel import N_CLASSES, N_IMAGES

__all__ = ["FactorMeter"]

IndexOrder = Literal["folder", "number"]
Conflicts = Literal["error", "count"]
_UNSEEN = -1
_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class FactorMeter:
    """Collect predictions batch by batch and report accuracy by factor.

    The state is the predicted class of each of the 50,000 validation images (100 kB), so batches
    may come in any order and size, from several processes, and every scoring and statistic is
    still open at the end. It works for any classifier: a torchvision or timm model, or a linear
    probe on frozen features.

    Parameters
    ----------
    selection, scoring, empty, prototypes : str
        As in :func:`evaluate`.
    index_order : {"folder", "number"}
        What an integer image id means: the position in a torchvision ``ImageFolder`` of the full
        validation set (also timm's), or the number in the file name, 1 to 50,000.
    classes : iterable of int, optional
        For models that know a part of ImageNet: the ImageNet class of each of their outputs. Only
        images of these classes are then scored.
    conflicts : {"error", "count"}
        What to do when one image comes twice with different predictions: refuse, or keep one of
        them and count it in ``conflicts``. Repeats with the same prediction, as the padding of a
        ``DistributedSampler`` gives, are always fine and counted in ``repeats``.
    name : str
        The model's name in the report.

    Examples
    --------
    >>> meter = FactorMeter(name="mine")
    >>> meter.update(torch.tensor([0, 394]), ["ILSVRC2012_val_00000293.JPEG",
    ...                                       "val/n01440764/ILSVRC2012_val_00002138.JPEG"])
    >>> meter.seen
    2
    >>> meter.compute().counts.correct
    array([1])
    """

    def __init__(
        self,
        *,
        selection: Selection = "top",
        scoring: Scoring = "class",
        empty: Empty = "wrong",
        prototypes: Prototypes = "drop",
        index_order: IndexOrder = "folder",
        classes: Iterable[int] | None = None,
        conflicts: Conflicts = "error",
        name: str = "model",
    ) -> None:
        if index_order not in ("folder", "number"):
            raise InputError(f"index_order must be folder or number; got {index_order!r}")
        if conflicts not in ("error", "count"):
            raise InputError(f"conflicts must be error or count; got {conflicts!r}")
        self.name = name
        outputs = None if classes is None else list(classes)
        self._table = load_annotations(selection=selection, prototypes=prototypes, classes=outputs)
        self._outputs = None if outputs is None else torch.tensor(outputs, dtype=torch.int16)
        self._scoring: Scoring = scoring
        self._empty: Empty = empty
        self._by_folder = index_order == "folder"
        self._strict = conflicts == "error"
        # Fails here rather than after a pass over the data set when a setting is unknown.
        score(_none(name), self._table, scoring=scoring, empty=empty, partial=True)
        self.reset()

    def reset(self) -> None:
        """Forget all predictions."""
        self._classes = torch.full((N_IMAGES,), _UNSEEN, dtype=torch.int16)
        self.repeats = 0
        self.conflicts = 0

    @property
    def seen(self) -> int:
        """Number of images predicted so far, annotated or not."""
        return int((self._classes >= 0).sum())

    def update(
        self, outputs: ArrayLike, images: Sequence[str] | Sequence[int] | torch.Tensor
    ) -> None:
        """Add a batch.

        Parameters
        ----------
        outputs : tensor or array-like (b, c) or (b,)
            Scores of the c classes (logits or probabilities), or predicted classes, on any device.
        images : b file names or paths, or an integer sequence or tensor (b,)
            Integers are read as ``index_order`` says.

        Raises
        ------
        InputError
            For shapes that disagree, unknown images, classes out of range, scores of which the
            largest is not finite, or an image that comes again with another prediction. The meter
            is then as it was before.
        """
        predicted = self._predicted(as_tensor(outputs, name="outputs").detach())
        places = self._places(images)
        if len(places) != len(predicted):
            raise InputError(f"{len(predicted)} outputs but {len(places)} images; give one each")
        self._add(places, predicted)

    def _predicted(self, outputs: torch.Tensor) -> torch.Tensor:
        if outputs.ndim == 2:
            if outputs.isnan().any():
                raise InputError("outputs contain NaN; a class cannot be chosen from them")
            wanted = N_CLASSES if self._outputs is None else len(self._outputs)
            if outputs.shape[1] != wanted:
                raise InputError(
                    f"outputs have {outputs.shape[1]} classes where {wanted} are expected; for a "
                    "model of a part of ImageNet give classes=, the ImageNet class of each output"
                )
            predicted = predicted_classes(outputs, name="outputs").cpu()
        elif outputs.ndim == 1 and outputs.dtype in _WHOLE:
            predicted = outputs.cpu()
        else:
            raise InputError(
                "outputs must be scores (b, c) or whole-number classes (b,); got "
                f"{outputs.dtype} of shape {tuple(outputs.shape)}"
            )
        return self._to_imagenet(predicted)

    def _to_imagenet(self, predicted: torch.Tensor) -> torch.Tensor:
        size = N_CLASSES if self._outputs is None else len(self._outputs)
        if len(predicted) and not 0 <= int(predicted.min()) <= int(predicted.max()) < size:
            raise InputError(f"each predicted class must be a whole number from 0 to {size - 1}")
        return (
            predicted.to(torch.int16) if self._outputs is None else self._outputs[predicted.long()]
        )

    def _places(self, images: Sequence[str] | Sequence[int] | torch.Tensor) -> torch.Tensor:
        """Return the image number less one of each image, int64 (b,)."""
        if isinstance(images, torch.Tensor):
            numbers = images.detach().cpu().numpy()
        elif len(images) and isinstance(images[0], str):
            return torch.tensor([_number(str(name)) - 1 for name in images])
        else:
            numbers = np.asarray(images)
        if numbers.ndim != 1 or (len(numbers) and not np.issubdtype(numbers.dtype, np.integer)):
            raise InputError("images must be file names or one dimension of integers")
        lowest = 0 if self._by_folder else 1
        if len(numbers) and not lowest <= numbers.min() <= numbers.max() < lowest + N_IMAGES:
            raise InputError(
                f"each image must be a whole number from {lowest} to {lowest + N_IMAGES - 1}"
            )
        numbers = numbers.astype(np.int64)
        return torch.from_numpy((folder_image_ids()[numbers] if self._by_folder else numbers) - 1)

    def _add(self, places: torch.Tensor, predicted: torch.Tensor) -> None:
        after = self._classes.clone()
        fresh = after[places] == _UNSEEN
        after[places[fresh]] = predicted[fresh]
        differs = after[places] != predicted
        self._refuse(places[differs] if self._strict else places[:0])
        self.conflicts += int(differs.sum())
        self.repeats += len(places) - int((after >= 0).sum()) + self.seen
        self._classes = after

    def _refuse(self, places: torch.Tensor) -> None:
        if len(places):
            raise InputError(
                f"{len(places)} images came twice with different predictions, the first is "
                f"ILSVRC2012_val_{int(places[0]) + 1:08d}.JPEG; give each image once, or use "
                "conflicts='count'"
            )

    def merge(self, other: "FactorMeter") -> None:
        """Add what another meter has seen, for example on another part of the data.

        Raises
        ------
        InputError
            When both saw an image and predicted different classes, or their models know
            different classes.
        """
        self._check_outputs(other._known())
        places = torch.nonzero(other._classes >= 0).flatten()
        self._add(places, other._classes[places])
        self.repeats += other.repeats
        self.conflicts += other.conflicts

    def all_reduce(self, group: dist.ProcessGroup | None = None) -> None:
        """Merge the meters of all processes of a ``torch.distributed`` group, in all of them.

        Call it once, after the last batch. Where processes disagree on an image, all raise, or
        all keep the larger class number.

        Raises
        ------
        InputError
            When two processes predicted different classes for an image.
        """
        device = "cuda" if dist.get_backend(group) == "nccl" else "cpu"
        own = self._classes.to(device, torch.int64)
        # The largest class, and the negative of the smallest one, in one reduction.
        extremes = torch.stack([own, torch.where(own < 0, -N_CLASSES, -own)])
        totals = torch.tensor([self.seen, self.repeats, self.conflicts], device=device)
        dist.all_reduce(extremes, op=dist.ReduceOp.MAX, group=group)
        dist.all_reduce(totals, group=group)
        largest, smallest = extremes[0].cpu(), -extremes[1].cpu()
        differs = torch.nonzero((largest >= 0) & (largest != smallest)).flatten()
        self._refuse(differs if self._strict else differs[:0])
        self._classes = largest.to(torch.int16)
        seen, repeats, conflicts = totals.tolist()
        self.repeats = repeats + seen - self.seen
        self.conflicts = conflicts + len(differs)

    def predictions(self) -> Predictions:
        """Return what was collected, for every other statistic of this package."""
        places = torch.nonzero(self._classes >= 0).flatten()
        return Predictions(
            name=self.name,
            image_ids=places.numpy() + 1,
            classes=self._classes[places].numpy().astype(np.int16),
        )

    def compute(self, *, bootstrap: int = 0, seed: int = 0) -> FactorReport:
        """Return the report on the images seen so far; it says how many of all these are.

        Parameters
        ----------
        bootstrap : int
            Number of resampled data sets for intervals; 0 for none.
        seed : int

        Raises
        ------
        InputError
            Before the first batch.
        """
        if not self.seen:
            raise InputError("no image seen yet; call update first")
        scored = score(
            self.predictions(),
            self._table,
            scoring=self._scoring,
            empty=self._empty,
            partial=True,
        )
        return report(scored, bootstrap=bootstrap, seed=seed)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, for a checkpoint."""
        return {
            "classes": self._classes.clone(),
            "outputs": self._known(),
            "repeats": self.repeats,
            "conflicts": self.conflicts,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that :meth:`state_dict` returned.

        Raises
        ------
        InputError
            When it is no such state, or that of a meter of other classes. The meter is then as it
            was before.
        """
        missing = {"classes", "repeats", "conflicts"} - set(state)
        if missing:
            raise InputError(f"the state of a meter must hold {', '.join(sorted(missing))}")
        classes = as_tensor(state["classes"], name="classes").to("cpu")
        if classes.shape != (N_IMAGES,) or classes.dtype not in _WHOLE:
            raise InputError(
                f"classes must be {N_IMAGES} whole numbers, one an image of the validation set; "
                f"got {classes.dtype} of shape {tuple(classes.shape)}"
            )
        known = torch.arange(N_CLASSES) if self._outputs is None else self._outputs
        if not torch.isin(classes, torch.cat([known, torch.tensor([_UNSEEN])])).all():
            raise InputError("the state holds predictions of classes that this meter does not know")
        self._check_outputs(state.get("outputs", self._known()))
        self.repeats = check_whole("repeats", state["repeats"], least=0)
        self.conflicts = check_whole("conflicts", state["conflicts"], least=0)
        self._classes = classes.to(torch.int16).clone()

    def _known(self) -> list[int] | None:
        """Return the class of each output, None for all thousand."""
        return None if self._outputs is None else self._outputs.tolist()

    def _check_outputs(self, others: list[int] | None) -> None:
        own = self._known()
        if (None if others is None else list(others)) != own:
            mine, found = (
                N_CLASSES if classes is None else len(classes) for classes in (own, others)
            )
            raise InputError(
                f"the other meter's model knows other classes ({found}; this one's {mine})"
            )


def _number(name: str) -> int:
    number = image_number(name)
    if number is None:
        raise InputError(
            f"unknown file name {name!r}; it must be like ILSVRC2012_val_00000293.JPEG, "
            f"numbered 1 to {N_IMAGES}"
        )
    return number


def _none(name: str) -> Predictions:
    return Predictions(name=name, image_ids=np.array([], np.int64), classes=np.array([], np.int16))
