"""Frozen features of an encoder, and all label-free and probe measures of them in one call."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import logistic_probe, ridge_probe
from ssl_lib.evaluation.rank import alpha_req, rankme
from ssl_lib.evaluation.spread import embedding_std, uniformity

__all__ = ["evaluate", "extract"]


def extract(
    encoder: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    batch_size: int = 512,
    transform: Callable[[Tensor], Tensor] | None = None,
    device: str | torch.device | None = None,
) -> Tensor:
    """Compute an encoder's features of images, in evaluation mode and without gradients.

    Parameters
    ----------
    encoder : callable
        Maps (b, c, h, w) images to (b, d) features; usually a module, whose training mode is
        restored afterwards.
    images : torch.Tensor of shape (n, c, h, w)
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
        When there are no images, or the encoder returns anything but one row an image.

    Examples
    --------
    >>> images = torch.full((3, 1, 2, 2), 255, dtype=torch.uint8)
    >>> extract(nn.Flatten(), images)[0]
    tensor([1., 1., 1., 1.])
    """
    if images.ndim != 4 or len(images) == 0:
        raise InputError(
            f"images must have shape (n, c, h, w) with n > 0, got {tuple(images.shape)}."
        )
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}.")
    target = _device_of(encoder, images) if device is None else torch.device(device)
    modes = [(m, m.training) for m in encoder.modules()] if isinstance(encoder, nn.Module) else []
    try:
        if isinstance(encoder, nn.Module):
            encoder.eval()
        with torch.no_grad():
            parts = [
                _encode(encoder, part.to(target), transform) for part in images.split(batch_size)
            ]
    finally:
        for module, training in modes:
            module.training = training
    return torch.cat(parts)


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


def _device_of(encoder: Callable[[Tensor], Tensor], images: Tensor) -> torch.device:
    if isinstance(encoder, nn.Module):
        for parameter in encoder.parameters():
            return parameter.device
    return images.device


def evaluate(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
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
    measures = {"ridge": ridge_probe(train, labels, test, test_labels).accuracy}
    if logistic:
        measures["logistic"] = logistic_probe(train, labels, test, test_labels).accuracy
    measures["knn"] = knn_accuracy(train, labels, test, test_labels, k=k)
    measures["rankme"] = rankme(train)
    measures["alpha_req"] = alpha_req(train)
    measures["std"] = embedding_std(test)
    measures["uniformity"] = uniformity(test)
    return measures
