"""Frozen features of an encoder, and all label-free and probe measures of them in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.data import ImageData
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features, check_labels
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import logistic_probe, ridge_probe
from ssl_lib.evaluation.rank import alpha_req, rankme
from ssl_lib.evaluation.spread import embedding_std, uniformity
from ssl_lib.randomness import torch_generator

__all__ = ["check_images", "evaluate", "evaluate_encoder", "extract", "subsample"]


def extract(
    encoder: Callable[[Tensor], Tensor],
    images: ArrayLike,
    *,
    batch_size: int = 512,
    transform: Callable[[Tensor], Tensor] | None = None,
    device: str | torch.device | None = None,
) -> Tensor:
    """Compute an encoder's features of images, in evaluation mode and without gradients.

    Parameters
    ----------
    encoder : callable
        Maps (b, c, h, w) images to (b, d) features; usually a module. Whatever modules it calls,
        as a bound method or a function may, are in evaluation mode meanwhile; their own mode is
        restored afterwards.
    images : torch.Tensor of shape (n, c, h, w), or array-like
        uint8 images are scaled to [0, 1]; floating-point images are passed as they are.
    batch_size : int, default=512
        Images encoded at a time.
    transform : callable, optional
        Applied to each floating-point batch, for example a normalisation.
    device : str or torch.device, optional
        Where to encode; by default where a module's parameters are, else where the images are.

    Returns
    -------
    torch.Tensor of shape (n, d)
        On the device that encoded them; float32 unless the encoder returns float64.

    Raises
    ------
    InputError
        When there are no images, or of another type, or the encoder returns anything but one row
        an image.

    Examples
    --------
    >>> images = torch.full((3, 1, 2, 2), 255, dtype=torch.uint8)
    >>> extract(nn.Flatten(), images)[0]
    tensor([1., 1., 1., 1.])
    """
    images = as_tensor(images, name="images").detach()
    if images.ndim != 4 or len(images) == 0:
        raise InputError(
            f"images must have shape (n, c, h, w) with n > 0, got {tuple(images.shape)}."
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise InputError(f"images must be uint8 or floating-point, got {images.dtype}.")
    check_whole("batch_size", batch_size)
    target = _device_of(encoder, images) if device is None else torch.device(device)
    with torch.no_grad(), _evaluation_mode(encoder):
        parts = [_encode(encoder, part.to(target), transform) for part in images.split(batch_size)]
    return torch.cat(parts)


@contextmanager
def _evaluation_mode(encoder: object) -> Iterator[None]:
    """Put an encoder, the module it belongs to, or each module it calls, into evaluation mode."""
    modes: dict[nn.Module, bool] = {}

    def quieten(module: nn.Module, *_: object) -> None:
        if any(part.training for part in module.modules()):
            for part in module.modules():
                modes.setdefault(part, part.training)
            module.eval()

    def restore() -> None:
        for module, training in modes.items():
            module.training = training

    owner = _owner(encoder)
    with ExitStack() as afterwards:
        afterwards.callback(restore)
        if owner is not None:
            quieten(owner)
        if owner is not encoder:
            afterwards.callback(register_module_forward_pre_hook(quieten).remove)
        yield


def _owner(function: object) -> nn.Module | None:
    """Return the module that a callable is or is bound to."""
    while isinstance(function, partial):
        function = function.func
    owner = getattr(function, "__self__", function)
    return owner if isinstance(owner, nn.Module) else None


def _encode(
    encoder: Callable[[Tensor], Tensor],
    images: Tensor,
    transform: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    batch = images.float() / 255 if images.dtype == torch.uint8 else images
    features = encoder(batch if transform is None else transform(batch))
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(images):
        shape = tuple(getattr(features, "shape", ())) or type(features).__name__
        raise InputError(f"the encoder must return ({len(images)}, d) features, got {shape}.")
    return features if features.dtype == torch.float64 else features.float()


def _device_of(encoder: object, images: Tensor) -> torch.device:
    owner = _owner(encoder)
    for parameter in () if owner is None else owner.parameters():
        return parameter.device
    return images.device


def evaluate(
    train: ArrayLike,
    labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    *,
    k: int = 20,
    logistic: bool = True,
) -> dict[str, float]:
    """Judge frozen features by the measures of this package.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features of the training images, see :func:`extract`.
    labels : torch.Tensor of shape (n,)
        Their classes.
    test : torch.Tensor of shape (m, d)
        Features of the test images.
    test_labels : torch.Tensor of shape (m,)
        Their classes.
    k : int, default=20
        Neighbours of the kNN accuracy.
    logistic : bool, default=True
        Fit the logistic probe too, the slowest of them.

    Returns
    -------
    dict of str to float
        ``ridge``, ``logistic``, ``knn`` (test accuracies), ``rankme`` and ``alpha_req`` of the
        training features, ``std`` and ``uniformity`` of the test features.

    Examples
    --------
    >>> x = torch.tensor([[0.0, 1], [0.1, 2], [1, 0.1], [2, 0]])
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> measures = evaluate(x, y, x, y, k=1)
    >>> measures["ridge"], measures["knn"]
    (1.0, 1.0)
    """
    train = check_features(train, name="train")
    test = check_features(test, name="test")
    labels = check_labels(labels, n=len(train))
    test_labels = check_labels(test_labels, n=len(test), name="test_labels")
    measures = {"ridge": ridge_probe(train, labels, test, test_labels).accuracy}
    if logistic:
        measures["logistic"] = logistic_probe(train, labels, test, test_labels).accuracy
    measures["knn"] = knn_accuracy(train, labels, test, test_labels, k=k)
    measures["rankme"] = rankme(train)
    measures["alpha_req"] = alpha_req(train)
    measures["std"] = embedding_std(test)
    measures["uniformity"] = uniformity(test)
    return measures


def evaluate_encoder(
    encoder: Callable[[Tensor], Tensor],
    train: ImageData,
    test: ImageData,
    *,
    transform: Callable[[Tensor], Tensor] | None = None,
    batch_size: int = 512,
    k: int = 20,
    logistic: bool = True,
) -> dict[str, float]:
    """Judge an encoder by its frozen features of labelled images.

    Parameters
    ----------
    encoder : callable
        Maps (b, c, h, w) images to (b, d) features, see :func:`extract`.
    train, test : ImageData
        Images that fit the probes, and images that judge them.
    transform : callable, optional
        Applied to each batch in [0, 1], for example the normalisation that the encoder knows.
    batch_size : int, default=512
        Images encoded at a time.
    k : int, default=20
        Neighbours of the kNN accuracy, at most the number of training images.
    logistic : bool, default=True
        Fit the logistic probe too, the slowest of them.

    Returns
    -------
    dict of str to float
        See :func:`evaluate`.

    Examples
    --------
    An encoder of torchvision without its classifier, on any folder of class folders, needs three
    lines after ``from ssl_lib.vision import torchvision`` and the other imports: ``encoder =
    torchvision("models").resnet18(weights="DEFAULT")``, ``encoder.fc = torch.nn.Identity()``, and
    the call below with ``data.load(folder, size=224)`` for the training and the test images.

    >>> from ssl_lib import data
    >>> train, test = data.load("digits"), data.load("digits", split="test")
    >>> round(evaluate_encoder(nn.Flatten(), train, test, logistic=False)["ridge"], 3)
    0.928
    """
    check_images("a probe", train, test)
    features = [
        extract(encoder, part.images, batch_size=batch_size, transform=transform)
        for part in (train, test)
    ]
    k = min(k, len(train))
    return evaluate(features[0], train.labels, features[1], test.labels, k=k, logistic=logistic)


def check_images(purpose: str, *parts: object) -> None:
    """Refuse what is no labelled set of images.

    Parameters
    ----------
    purpose : str
        What needs them, in the singular, for the error message.
    *parts : ImageData
        What a user gave.

    Raises
    ------
    InputError
        When one is an array, or has no labels.

    Examples
    --------
    >>> check_images("a probe", torch.zeros(6, 1, 8, 8))
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: a probe needs ssl_lib.data.ImageData(images, labels), got Tensor.
    """
    for part in parts:
        if not isinstance(part, ImageData):
            kind = type(part).__name__
            raise InputError(f"{purpose} needs ssl_lib.data.ImageData(images, labels), got {kind}.")
        part.labels_for(purpose)


def subsample(data: ImageData, limit: int, *, seed: int = 0) -> ImageData:
    """Draw at most ``limit`` images, in random order: folders and files are often sorted by class.

    Parameters
    ----------
    data : ImageData
        Where from.
    limit : int
        How many, at least 1.
    seed : int, default=0
        Of the draw.

    Returns
    -------
    ImageData
        All of the images, shuffled, where there are no more than ``limit``.

    Examples
    --------
    >>> from ssl_lib.data import load
    >>> subsample(load("digits"), 100).counts().tolist()
    [8, 15, 14, 7, 10, 8, 10, 12, 5, 11]
    """
    check_whole("the number of images", limit)
    generator = torch_generator(seed, "subsample")
    return data.subset(torch.randperm(len(data), generator=generator)[:limit])
