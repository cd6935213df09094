"""Measuring a model of one's own: a real one on the ImageNet images, or a pretend one."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import profiles
from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.evaluation.imagenet_x import FactorReport, load_annotations
from ssl_lib.evaluation.imagenet_x.annotations import Selection
from ssl_lib.evaluation.imagenet_x.predictions import Predictions
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS
from ssl_lib.papers.imagenet_x.settings import Settings
from ssl_lib.randomness import numpy_generator

if TYPE_CHECKING:
    import torch

__all__ = ["PRETEND", "batches", "load_classifier", "summary", "truth", "write_predictions"]

Batch = tuple["torch.Tensor", list[str]]
Classifier = Callable[["torch.Tensor"], "torch.Tensor"]

#: How many times more often than on other images the pretend model errs on these.
PRETEND = {"pose": 0.6, "smaller": 1.5, "subcategory": 2.0, "texture": 2.5, "style": 2.0}
BASE_ERROR = 0.25
BATCH = 256
_FILE = re.compile(r"ILSVRC2012_val_\d{8}\.JPEG")


def batches(settings: Settings, *, classifier: Classifier | None = None) -> Iterator[Batch]:
    """Yield predictions and file names of the model to be measured.

    Parameters
    ----------
    settings : Settings
        With ``images``: the outputs of the torchvision classifier ``model`` on the pictures in that
        folder; the smoke profile takes 64 of them, quick 2,000, the others all. Without: the
        classes of a pretend model whose error ratios are known, see :data:`PRETEND`.
    classifier : callable, optional
        What to measure on the pictures, images (b, 3, 224, 224) to logits (b, 1000), instead of
        ``model``.

    Yields
    ------
    outputs : tensor (b, 1000) or (b,)
        Logits or classes.
    names : list of str
        Names of the b images.

    Raises
    ------
    MissingData
        When the folder holds no validation images.

    Examples
    --------
    >>> outputs, names = next(batches(Settings()))
    >>> outputs.shape, names[0]
    (torch.Size([256]), 'ILSVRC2012_val_00000001.JPEG')
    """
    if settings.images:
        return _measured(settings, classifier)
    return _pretend(settings)


def _pretend(settings: Settings) -> Iterator[Batch]:
    import torch

    table = load_annotations(prototypes="keep")
    generator = numpy_generator(settings.seed, "imagenet_x", "pretend")
    wrong = generator.random(len(table)) < _error_rates(table.factors)
    # Adding 1 to 999 to a class, modulo 1,000, gives any class but itself.
    other = table.labels + generator.integers(1, 1000, len(table))
    classes = torch.from_numpy(np.where(wrong, other % 1000, table.labels).astype(np.int64))
    names = table.file_names
    for start in range(0, len(names), BATCH):
        yield classes[start : start + BATCH], names[start : start + BATCH]


def _error_rates(factors: np.ndarray) -> np.ndarray:
    ratios = np.array([PRETEND.get(name, 1.0) for name in FACTORS])
    return np.asarray(BASE_ERROR * np.where(factors, ratios, 1.0).prod(axis=1))


def truth(*, selection: Selection = "top") -> dict[str, float]:
    """Return the error ratios that the pretend model really has, under class scoring.

    Parameters
    ----------
    selection : {"top", "multi"}, default="top"
        The ratios by ticked factor; the model's errors depend on the top factor in any case.

    Examples
    --------
    >>> {name: round(ratio, 2) for name, ratio in truth().items() if name in PRETEND}
    {'pose': 0.66, 'smaller': 1.65, 'subcategory': 2.2, 'texture': 2.75, 'style': 2.2}
    """
    error = _error_rates(load_annotations().factors)
    factors = load_annotations(selection=selection).factors
    ratios = (error @ factors) / factors.sum(axis=0) / error.mean()
    return dict(zip(FACTORS, ratios.tolist(), strict=True))


def _measured(settings: Settings, classifier: Classifier | None) -> Iterator[Batch]:
    import torch

    device = profiles.device(settings.device)
    files = _pictures(settings)
    model, prepare = load_classifier(settings.model)
    model = classifier or model.eval().to(device)
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        pictures = torch.stack([prepare(_read(file)) for file in part]).to(device)
        with torch.inference_mode():
            outputs = model(pictures)
        yield outputs, [file.name for file in part]


def _pictures(settings: Settings) -> list[Path]:
    folder = Path(settings.images).expanduser()
    files = sorted(file for file in folder.rglob("*.JPEG") if _FILE.fullmatch(file.name))
    if not files:
        raise MissingData(
            f"images: {folder} holds no file like ILSVRC2012_val_00000001.JPEG; give the folder of "
            "the ImageNet validation images, or leave it empty to measure a pretend model"
        )
    most = profiles.choose(settings.profile, smoke=64, quick=2000, standard=None, paper=None)
    return files[:most]


def _read(file: Path) -> Any:
    from PIL import Image

    with Image.open(file) as picture:
        return picture.convert("RGB")


def load_classifier(name: str) -> tuple[Any, Callable[[Any], "torch.Tensor"]]:
    """Return a pretrained torchvision classifier and the transform that its images need.

    Parameters
    ----------
    name : str
        As in ``torchvision.models.list_models``, such as ``"resnet18"``. Its weights are downloaded
        by torchvision where they are not in torch's cache.

    Raises
    ------
    InputError
        When torchvision has no such classifier.
    """
    from ssl_lib.vision import torchvision

    models = torchvision("models")
    known = models.list_models(module=models)
    if name not in known:
        raise InputError(f"torchvision has no classifier {name!r}.{closest(name, known)}")
    weights = models.get_model_weights(name).DEFAULT
    return models.get_model(name, weights=weights), weights.transforms()


def summary(report: FactorReport, settings: Settings) -> pd.DataFrame:
    """Return a report as the chapter's figure takes it.

    Parameters
    ----------
    report : FactorReport
        Of one model, with intervals.
    settings : Settings

    Returns
    -------
    pandas.DataFrame
        Columns factor, images, accuracy, error_ratio, low, high; and truth for the pretend model
        scored by class. Factors that no measured image has are left out.
    """
    names = {"error_ratio_low": "low", "error_ratio_high": "high"}
    table: pd.DataFrame = report.to_frame().rename(columns=names)
    table = table[(table.factor != "average") & table.error_ratio.notna()].reset_index(drop=True)
    table = table[["factor", "images", "accuracy", "error_ratio", "low", "high"]]
    if settings.images or settings.scoring != "class":
        return table
    return table.assign(truth=table.factor.map(truth(selection=settings.selection)))


def write_predictions(predictions: Predictions, file: str | Path) -> Path:
    """Write predictions as the file that ``ssl-lib imagenet-x`` reads.

    Parameters
    ----------
    predictions : Predictions
        Such as a meter's.
    file : path
        Where to.

    Returns
    -------
    pathlib.Path
        The file: header ``file_name,predicted_class``, then a row an image.
    """
    path = Path(file)
    numbers = zip(predictions.image_ids.tolist(), predictions.classes.tolist(), strict=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file_name", "predicted_class"])
        writer.writerows((f"ILSVRC2012_val_{k:08d}.JPEG", label) for k, label in numbers)
    return path
