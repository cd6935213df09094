"""Judge an encoder by probes of its frozen representations."""

import math
import warnings

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import sample_shots
from ssl_lib.evaluation.ideal import effective_dimension
from ssl_lib.evaluation.linear import ProbeResult, logistic_probe, ridge_probe
from ssl_lib.evaluation.mlp import mlp_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.papers.issl.recipes import Recipe
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import RunSpec
from ssl_lib.training.runs import normalisation

__all__ = ["RIGHT", "probe", "unpacked"]

#: The columns that say which test images a probe is right on.
RIGHT = ("full_right", "few_right", "augmented_right")


def probe(
    encoder: nn.Module,
    train: ImageData,
    test: ImageData,
    *,
    spec: RunSpec,
    policy: Policy,
    config: Recipe,
    mlp: bool,
) -> dict[str, float | str]:
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
    dict of str to float or str
        ``full``, ``few`` and ``augmented`` (accuracy of a linear probe with all labels, with few,
        trained and tested on augmented images), each with the test images that it is right on
        (:func:`unpacked`), ``labels_N`` for N labels, ``mlp`` (MLP probe, or NaN), ``rankme`` and
        ``effective_dimension`` of the training images' representations.
    """
    seed, prepare = spec.training.seed, normalisation(spec)
    z, z_test = (extract(encoder, part.images, transform=prepare) for part in (train, test))
    generator = torch_generator(seed, "augmented")
    views = (policy(part.images, generator)[0] for part in (train, test))
    augmented, augmented_test = (extract(encoder, images) for images in views)
    labels = train.labels, test.labels
    return {
        **_linear("full", z, z_test, *labels, config.probe),
        **_linear("augmented", augmented, augmented_test, *labels, config.probe),
        **_few_labels(z, z_test, *labels, config, seed),
        "mlp": _mlp(z, z_test, *labels, config, seed) if mlp else math.nan,
        "rankme": _rank(z),
        "effective_dimension": float(effective_dimension(z)),
    }


def unpacked(text: str) -> npt.NDArray[np.bool_]:
    """Return which test images a probe is right on.

    Parameters
    ----------
    text : str
        As :func:`probe` has it: how many images, and a bit for each.

    Returns
    -------
    bool array of shape (images,)

    Examples
    --------
    >>> unpacked("10:ff40").nonzero()[0].tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 9]
    """
    count, bits = text.split(":")
    packed = np.frombuffer(bytes.fromhex(bits), np.uint8)
    return np.unpackbits(packed, count=int(count)).astype(bool)


def _judged(name: str, fitted: ProbeResult, test_labels: Tensor) -> dict[str, float | str]:
    right = (fitted.scores.argmax(1) == test_labels).cpu().numpy()
    bits = np.packbits(right).tobytes().hex()
    return {name: fitted.accuracy, f"{name}_right": f"{len(right)}:{bits}"}


def _linear(
    name: str, z: Tensor, z_test: Tensor, labels: Tensor, test_labels: Tensor, kind: str
) -> dict[str, float | str]:
    fit = ridge_probe if kind == "ridge" else logistic_probe
    return _judged(name, fit(z, labels, z_test, test_labels), test_labels)


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
) -> dict[str, float | str]:
    # Mean and spread need no label: take those of all training images.
    mean, std = z.mean(0), z.std(0, unbiased=False)
    scale = torch.where(std > 0, 1 / std.clamp_min(1e-12), 0.0)
    z, z_test = (z - mean) * scale, (z_test - mean) * scale
    found: dict[str, float | str] = {}
    for shots in config.shots:
        # The same stream for every number: fewer labels are part of more.
        rows = sample_shots(labels, shots=shots, generator=torch_generator(seed, "labels"))
        rows = rows.to(z.device)
        fitted = logistic_probe(z[rows], labels[rows], z_test, test_labels, standardise=False)
        found[f"labels_{len(rows)}"] = fitted.accuracy
        if shots == config.few:
            found |= _judged("few", fitted, test_labels)
    return found
