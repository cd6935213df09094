"""E1 to E3: the theory on points and on digits whose equivalence classes are known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ssl_lib import profiles
from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.ideal import binary_tasks, ideality
from ssl_lib.models import build_encoder
from ssl_lib.papers.issl.exact import ExactISSL
from ssl_lib.papers.issl.images import digits
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.randomness import numpy_generator, seeds
from ssl_lib.results import Result, Store
from ssl_lib.theory.separability import cover_fraction, separable_fraction
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.many import pretrain_many

__all__ = [
    "CLASSES",
    "Exact",
    "both_heads",
    "codes",
    "dichotomies",
    "encoders",
    "head_family",
    "worst_tasks",
]

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
    for points in (6, 8, 10):
        for dim in range(1, points + 1):
            drawn = numpy_generator(settings.seed, "dichotomies", points, dim)
            cloud = drawn.standard_normal((points, dim))
            row = {"points": points, "dim": dim, "measured": separable_fraction(cloud)}
            rows.append({**row, "formula": cover_fraction(points, dim)})
    return pd.DataFrame(rows)


@dataclass(frozen=True, kw_only=True)
class Exact:
    """What E2 and E3 train: encoders of digits with exact ISSL.

    Attributes
    ----------
    dims : tuple of int
        Dimensions of the representation.
    heads : tuple of str
        "linear", "mlp": family of the head that predicts the class.
    seeds : tuple of int
        One encoder for each.
    epochs : int
        100 are 400 steps of 256 images.
    profile : str
        Of the run.
    """

    dims: tuple[int, ...]
    heads: tuple[str, ...]
    seeds: tuple[int, ...]
    epochs: int
    profile: str


def worst_tasks(settings: Settings) -> Result:
    """Solve random binary tasks with representations of growing dimension (E2).

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Result
        See :func:`measure`.
    """
    dims = profiles.choose(
        settings.profile,
        smoke=(2, 9),
        quick=(1, 2, 3, 5, 8, 9, 12),
        standard=(1, 2, 3, 5, 7, 8, 9, 12, 20),
        paper=(1, 2, 3, 5, 7, 8, 9, 12, 20),
    )
    config = Exact(
        dims=dims,
        heads=("linear",),
        seeds=_seeds(settings),
        epochs=_epochs(settings),
        profile=settings.profile,
    )
    return _table("issl-worst-tasks", config)


def head_family(settings: Settings) -> Result:
    """Train with an MLP head in K - 1 dimensions, the fewest that do (E3).

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Result
        See :func:`measure`; :func:`both_heads` sets E2's linear heads of the same seeds beside it.
    """
    config = Exact(
        dims=(CLASSES - 1,),
        heads=("mlp",),
        seeds=_seeds(settings),
        epochs=_epochs(settings),
        profile=settings.profile,
    )
    return _table("issl-head-family", config)


def both_heads(linear: pd.DataFrame, mlp: pd.DataFrame) -> pd.DataFrame:
    """Join the two families of heads in K - 1 dimensions.

    Parameters
    ----------
    linear : pandas.DataFrame
        Of :func:`worst_tasks`.
    mlp : pandas.DataFrame
        Of :func:`head_family`.

    Returns
    -------
    pandas.DataFrame
        The same columns, one row an encoder.
    """
    return pd.concat([linear[linear.dim == CLASSES - 1], mlp], ignore_index=True)


def _seeds(settings: Settings) -> tuple[int, ...]:
    # A worst task varies, and three encoders tell too little about it.
    number = profiles.choose(settings.profile, smoke=2, quick=5, standard=12, paper=12)
    return tuple(seeds(settings.seed, max(number, settings.seeds), "issl"))


def _epochs(settings: Settings) -> int:
    return profiles.choose(settings.profile, smoke=5, quick=100, standard=100, paper=100)


def _table(name: str, config: Exact) -> Result:
    data = {part.name: part.fingerprint for part in digits()}
    return Store().table(name, measure, config, data=data)


def measure(config: Exact) -> pd.DataFrame:
    """Train exact ISSL and measure how close each encoder is to ideal.

    Parameters
    ----------
    config : Exact

    Returns
    -------
    pandas.DataFrame
        A row for each dimension, head and run, with the fields of
        :class:`ssl_lib.evaluation.ideal.Ideality` (linear probes), and ``worst_mlp``,
        ``worst_mlp_test`` (MLP probes on the same tasks).
    """
    train, test = digits()
    rows = []
    for dim in config.dims:
        for head in config.heads:
            for run, method in enumerate(encoders(config, dim, head, train)):
                z, z_test = (extract(method.encoder, part.images) for part in (train, test))
                given = (z, train.labels, z_test, test.labels)
                mlp = binary_tasks(*given, probe="mlp")
                row = {"dim": dim, "head": head, "run": run, **vars(ideality(*given))}
                worst = {"worst_mlp": mlp.train.min(), "worst_mlp_test": mlp.test.min()}
                rows.append({**row, **{name: float(value) for name, value in worst.items()}})
    return pd.DataFrame(rows)


def encoders(config: Exact, dim: int, head: str, train: ImageData) -> list[ExactISSL]:
    """Train one encoder for each seed, side by side.

    Parameters
    ----------
    config : Exact
        Seeds and length of the runs.
    dim : int
        Of the representation, which ends in BatchNorm without ReLU.
    head : {"linear", "mlp"}
        Family of the head.
    train : ImageData
        Digits.

    Returns
    -------
    list of ExactISSL
    """
    methods = [
        ExactISSL(
            build_encoder(
                "mlp", in_channels=1, image_size=8, out_dim=dim, seed=seed, hidden=(128, 128),
                activation="relu", final_activation=False,
            ),
            n_classes=CLASSES, hidden=MLP_HEAD if head == "mlp" else (), seed=seed,
        )
        for seed in config.seeds
    ]  # fmt: skip
    pretrain_many(
        methods, train, policy=Policy(name="plain", recipes=((),), n_global=1),
        config=TrainingConfig(
            epochs=config.epochs, batch_size=256, learning_rate=5e-3, weight_decay=0.0
        ),
        order_seeds=config.seeds, progress=False,
    )  # fmt: skip
    return methods


def codes(settings: Settings) -> Result:
    """Return the two-dimensional representations of the test digits, to be looked at.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Result
        ``x``, ``y``, ``digit``, and ``side`` of one binary task that no line solves here.
    """
    config = Exact(
        dims=(2,), heads=("linear",), seeds=settings.run_seeds[:1], epochs=_epochs(settings),
        profile=settings.profile,
    )  # fmt: skip
    data = {part.name: part.fingerprint for part in digits()}
    return Store().table("issl-codes", _codes, config, data=data)


def _codes(config: Exact) -> pd.DataFrame:
    train, test = digits()
    (method,) = encoders(config, 2, "linear", train)
    z, z_test = (extract(method.encoder, part.images) for part in (train, test))
    tasks = binary_tasks(z, train.labels, z_test, test.labels)
    worst = int(tasks.train.argmin())
    side = tasks.groupings[worst][test.labels]
    columns = {"x": z_test[:, 0], "y": z_test[:, 1], "digit": test.labels, "side": side}
    return pd.DataFrame({name: np.asarray(value) for name, value in columns.items()}).assign(
        accuracy=float(tasks.train[worst]), predictability=_predictable(z, train.labels)
    )


def _predictable(z: torch.Tensor, labels: torch.Tensor) -> float:
    return ideality(z, labels, z, labels).predictability
