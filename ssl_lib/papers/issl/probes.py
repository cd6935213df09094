"""Judge an encoder by probes of its frozen representations."""

import math
import warnings

import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import sample_shots
from ssl_lib.evaluation.ideal import effective_dimension
from ssl_lib.evaluation.linear import logistic_probe, ridge_probe
from ssl_lib.evaluation.mlp import mlp_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.papers.issl.recipes import Recipe
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import RunSpec
from ssl_lib.training.runs import normalisation

__all__ = ["probe"]


def probe(
    encoder: nn.Module,
    train: ImageData,
    test: ImageData,
    *,
    spec: RunSpec,
    policy: Policy,
    config: Recipe,
    mlp: bool,
) -> dict[str, float]:
    """Judge an encoder by its frozen representations.

    Parameters
    ----------
    encoder : torch.nn.Module
        In evaluation mode.
    train, test : ImageData
        Labelled images.
    spec : RunSpec
        Whose normalisation the encoder knows, and whose seed draws labels and augmentations.
    policy : Policy
        Whose first view makes the augmented images, normalised.
    config : Recipe
        How many labels the few-label probes get.
    mlp : bool
        Whether to fit an MLP probe too.

    Returns
    -------
    dict of str to float
        ``full``, ``few`` and ``augmented`` (accuracy of a linear probe with all labels, with few,
        trained and tested on augmented images), ``labels_N`` for N labels, ``mlp`` (MLP probe, or
        NaN), ``rankme`` and ``effective_dimension`` of the training images' representations.
    """
    seed, prepare = spec.training.seed, normalisation(spec)
    z, z_test = (extract(encoder, part.images, transform=prepare) for part in (train, test))
    generator = torch_generator(seed, "augmented")
    views = (policy(part.images, generator)[0] for part in (train, test))
    augmented, augmented_test = (extract(encoder, images) for images in views)
    labels = train.labels, test.labels
    return {
        "full": _linear(z, z_test, *labels, config.probe),
        "augmented": _linear(augmented, augmented_test, *labels, config.probe),
        **_few_labels(z, z_test, *labels, config, seed),
        "mlp": _mlp(z, z_test, *labels, config, seed) if mlp else math.nan,
        "rankme": _rank(z),
        "effective_dimension": float(effective_dimension(z)),
    }


def _linear(z: Tensor, z_test: Tensor, labels: Tensor, test_labels: Tensor, kind: str) -> float:
    fit = ridge_probe if kind == "ridge" else logistic_probe
    return fit(z, labels, z_test, test_labels).accuracy


def _mlp(
    z: Tensor, z_test: Tensor, labels: Tensor, test_labels: Tensor, config: Recipe, seed: int
) -> float:
    fitted = mlp_probe(z, labels, z_test, test_labels, hidden=config.hidden, seed=seed)
    return float(fitted.accuracy[0])


def _rank(z: Tensor) -> float:
    with warnings.catch_warnings():
        # The sweep's widest codes have fewer than two samples a dimension, as its caption says.
        warnings.simplefilter("ignore", UserWarning)
        return rankme(z)


def _few_labels(
    z: Tensor, z_test: Tensor, labels: Tensor, test_labels: Tensor, config: Recipe, seed: int
) -> dict[str, float]:
    # Mean and spread need no label: take those of all training images.
    mean, std = z.mean(0), z.std(0, unbiased=False)
    scale = torch.where(std > 0, 1 / std.clamp_min(1e-12), 0.0)
    z, z_test = (z - mean) * scale, (z_test - mean) * scale
    found = {}
    for shots in config.shots:
        # The same stream for every number: fewer labels are part of more.
        rows = sample_shots(labels, shots=shots, generator=torch_generator(seed, "labels"))
        rows = rows.to(z.device)
        fitted = logistic_probe(z[rows], labels[rows], z_test, test_labels, standardise=False)
        found[f"labels_{len(rows)}"] = fitted.accuracy
        if shots == config.few:
            found["few"] = fitted.accuracy
    return found
