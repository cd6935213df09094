"""E1 to E3: the theory on points and on digits whose equivalence classes are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib import profiles
from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.ideal import binary_tasks, ideality
from ssl_lib.models import build_encoder
from ssl_lib.papers.issl.exact import ExactISSL
from ssl_lib.papers.issl.images import load
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.separability import cover_fraction, separable_fraction
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain

__all__ = ["CLASSES", "Exact", "codes", "dichotomies", "exact_dims", "measure", "recipe"]

CLASSES = 10
MLP_HEAD = (256, 256)


def dichotomies(settings: Settings) -> pd.DataFrame:
    """Count which groupings of random points a hyperplane separates (E1).

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    pandas.DataFrame
        ``points``, ``dim``, ``measured`` (share of the 2^K groupings of K Gaussian points, all of
        them decided) and ``formula`` (Cover's).
    """
    rows = []
    for points in (6, 8, CLASSES):
        for dim in range(1, points + 1):
            drawn = numpy_generator(settings.seed, "dichotomies", points, dim)
            cloud = drawn.standard_normal((points, dim))
            row = {"points": points, "dim": dim, "measured": separable_fraction(cloud)}
            rows.append({**row, "formula": cover_fraction(points, dim)})
    return pd.DataFrame(rows)


@dataclass(frozen=True, kw_only=True)
class Exact:
    """How encoders of digits are trained with exact ISSL (E2, E3).

    Attributes
    ----------
    profile : str
    epochs : int
        100 are 400 steps.
    batch_size : int
    learning_rate : float
    hidden : tuple of int
        Of the encoder, which ends in BatchNorm without ReLU.
    """

    profile: str
    epochs: int
    batch_size: int = 256
    learning_rate: float = 5e-3
    hidden: tuple[int, ...] = (128, 128)


def recipe(settings: Settings) -> Exact:
    """Return how a profile trains them."""
    epochs = profiles.choose(settings.profile, smoke=5, quick=100, standard=100, paper=100)
    return Exact(profile=settings.profile, epochs=epochs)


def exact_dims(settings: Settings) -> tuple[int, ...]:
    """Return the dimensions of E2."""
    return profiles.choose(
        settings.profile,
        smoke=(2, 9),
        quick=(1, 2, 3, 5, 8, 9, 12),
        standard=(1, 2, 3, 5, 7, 8, 9, 12, 20),
        paper=(1, 2, 3, 5, 7, 8, 9, 12, 20),
    )


def measure(config: Exact, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train exact ISSL and measure how close the encoder is to ideal.

    Parameters
    ----------
    config : Exact
    cell : mapping
        ``head`` ("linear" or "mlp": family of the head that predicts the class), ``dim``, ``seed``.

    Returns
    -------
    pandas.DataFrame
        One row with the fields of :class:`ssl_lib.evaluation.ideal.Ideality` (linear probes),
        ``worst_mlp``, ``worst_mlp_test`` (MLP probes on the same tasks) and ``early_loss``.
    """
    train, test = load("digits")
    method, early = _trained(config, train, **cell)
    z, z_test = (extract(method.encoder, part.images) for part in (train, test))
    given = (z, train.labels, z_test, test.labels)
    mlp = binary_tasks(*given, probe="mlp")
    worst = {"worst_mlp": float(mlp.train.min()), "worst_mlp_test": float(mlp.test.min())}
    return pd.DataFrame([{**vars(ideality(*given)), **worst, "early_loss": early}])


def codes(config: Exact, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Return the two-dimensional representations of the test digits, to be looked at.

    Parameters
    ----------
    config : Exact
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        ``x``, ``y``, ``digit``, and ``side`` of the binary task that a line solves worst; its
        ``accuracy`` and the digit's ``predictability``, training images.
    """
    train, test = load("digits")
    method, _ = _trained(config, train, head="linear", dim=2, **cell)
    z, z_test = (extract(method.encoder, part.images) for part in (train, test))
    tasks = binary_tasks(z, train.labels, z_test, test.labels)
    worst = int(tasks.train.argmin())
    side = tasks.groupings[worst][test.labels]
    columns = {"x": z_test[:, 0], "y": z_test[:, 1], "digit": test.labels, "side": side}
    return pd.DataFrame({name: np.asarray(value) for name, value in columns.items()}).assign(
        accuracy=float(tasks.train[worst]),
        predictability=ideality(z, train.labels, z, train.labels).predictability,
    )


def _trained(
    config: Exact, train: ImageData, *, head: str, dim: int, seed: int
) -> tuple[ExactISSL, float]:
    """Train one encoder; return it with its early loss."""
    encoder = build_encoder(
        "mlp", in_channels=1, image_size=8, out_dim=dim, seed=seed, hidden=config.hidden,
        activation="relu", final_activation=False,
    )  # fmt: skip
    hidden = MLP_HEAD if head == "mlp" else ()
    method = ExactISSL(encoder, n_classes=CLASSES, hidden=hidden, seed=seed)
    run = pretrain(
        method, train, policy=Policy(name="plain", recipes=((),), n_global=1),
        config=TrainingConfig(
            epochs=config.epochs, batch_size=config.batch_size,
            learning_rate=config.learning_rate, weight_decay=0.0, order_seed=seed,
        ),
        progress=False,
    )  # fmt: skip
    method.eval()
    return method, run.history[-1]["early_loss"]
