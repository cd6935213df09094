"""Train CISSL, DISSL and their rivals at several dimensions, and probe what comes out."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.subsets import stratified_fraction
from ssl_lib.data.views import Policy
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import sample_shots
from ssl_lib.evaluation.ideal import effective_dimension
from ssl_lib.evaluation.linear import logistic_probe, ridge_probe
from ssl_lib.evaluation.mlp import mlp_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import Method
from ssl_lib.papers.issl import images
from ssl_lib.papers.issl.settings import Recipe
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import RunSpec, TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many
from ssl_lib.training.runs import assemble, normalisation, specify

__all__ = ["VARIANTS", "Cell", "Sweep", "probe", "run", "variant_options"]

VARIANTS = (
    "CISSL", "CISSL, MLP heads", "CISSL, linear heads", "DISSL", "DISSL, MLP heads",
    "DISSL, linear heads", "SimCLR", "VICReg", "SwAV", "DINO", "random encoder", "raw pixels",
)  # fmt: skip
_METHOD = {
    "SimCLR": "simclr", "VICReg": "vicreg", "SwAV": "swav", "DINO": "dino",
    **dict.fromkeys(("DISSL", "DISSL, MLP heads", "DISSL, linear heads"), "dissl"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One configuration, to be run with every seed.

    Attributes
    ----------
    variant : str
        One of :data:`VARIANTS`.
    dim : int
        Of the representation.
    strength : float
        Of the augmentation.
    epochs : int
        Passes over the data.
    """

    variant: str
    dim: int
    strength: float
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Cells that make one table.

    Attributes
    ----------
    cells : tuple of Cell
        What to run.
    recipe : Recipe
        What the cells have in common.
    data : str
        Name of the data set.
    seeds : tuple of int
        Each cell runs with every one.
    profile, device : str
        Of the run.
    """

    cells: tuple[Cell, ...]
    recipe: Recipe
    data: str
    seeds: tuple[int, ...]
    profile: str
    device: str


def run(sweep: Sweep, workdir: Path) -> pd.DataFrame:
    """Train and probe every cell with every seed.

    Parameters
    ----------
    sweep : Sweep
        What to run.
    workdir : pathlib.Path
        Finished cells and checkpoints are kept here, so that a killed run goes on.

    Returns
    -------
    pandas.DataFrame
        A row for each cell and run: the cell's fields, ``run`` (number of the seed), ``parameters``
        (of the encoder), ``images`` (training), ``loss`` (last epoch), ``seconds`` (training),
        ``full``, ``few`` and ``augmented`` (linear probe with all labels, with few, trained and
        tested on augmented images), ``mlp`` (MLP probe, CISSL only), ``rankme`` and
        ``effective_dimension`` of the training images' representations, and ``labels_N`` for N
        labels.
    """
    train, test = load(sweep)
    parts = []
    for number, cell in enumerate(sweep.cells):
        kept = workdir / f"cell-{number}.parquet"
        if not kept.exists():
            rows = _cell(cell, sweep, train, test, workdir / f"cell-{number}")
            pd.DataFrame(rows).to_parquet(kept)
        parts.append(pd.read_parquet(kept))
    return pd.concat(parts, ignore_index=True)


def load(sweep: Sweep) -> tuple[ImageData, ImageData]:
    """Load the recipe's training images and all test images on the sweep's device."""
    train, test = images.load(sweep.data, size=sweep.recipe.size, device=sweep.device)
    most = sweep.recipe.images
    if 0 < most < len(train):
        generator = torch_generator(0, "issl", "images")
        train = train.subset(
            stratified_fraction(train.labels, most / len(train), generator=generator)
        )
    return train, test


def _cell(
    cell: Cell, sweep: Sweep, train: ImageData, test: ImageData, folder: Path
) -> list[dict[str, Any]]:
    recipe = sweep.recipe
    specs = [_specify(cell, recipe, train, seed) for seed in sweep.seeds]
    policy = assemble(specs[0])[1]
    methods = [assemble(spec)[0] for spec in specs]
    trained: list[dict[str, float]] = [{"loss": float("nan"), "seconds": 0.0} for _ in specs]
    if cell.variant not in ("random encoder", "raw pixels"):
        trained = _train(methods, specs, train, policy, sweep.device, folder)
    rows: list[dict[str, Any]] = []
    for number, (method, spec, left) in enumerate(zip(methods, specs, trained, strict=True)):
        pixels = cell.variant == "raw pixels"
        encoder: nn.Module = nn.Flatten() if pixels else method.encoder.to(train.device)
        size = sum(p.numel() for p in encoder.parameters())
        row = {**asdict(cell), "run": number, "parameters": size, "images": len(train)}
        seed = sweep.seeds[number]
        if pixels and rows:
            # The same in every run but for the labels that are drawn.
            features = _features(encoder, train, test, spec)
            few = _few_labels(features[0], train.labels, features[1], test.labels, recipe, seed)
            rows.append({**rows[0], "run": number, **few})
            continue
        found = probe(
            encoder, train, test, spec=spec, policy=policy, recipe=recipe,
            mlp=cell.variant.startswith("CISSL"), seed=seed,
        )  # fmt: skip
        if pixels:
            row["dim"] = train.images[0].numel()
        rows.append({**row, **left, **found})
    return rows


def _features(
    encoder: nn.Module, train: ImageData, test: ImageData, spec: RunSpec
) -> tuple[Tensor, Tensor]:
    prepare = normalisation(spec)
    z, z_test = (extract(encoder, d.images, transform=prepare) for d in (train, test))
    return z, z_test


def _specify(cell: Cell, recipe: Recipe, train: ImageData, seed: int) -> RunSpec:
    method, options = variant_options(cell.variant, recipe)
    return specify(
        method=method,
        data=train,
        encoder=recipe.encoder,
        policy=recipe.policy,
        method_options=options,
        encoder_options={**recipe.encoder_options, "out_dim": cell.dim},
        policy_options={**recipe.policy_options, "strength": cell.strength},
        training=TrainingConfig(
            epochs=cell.epochs,
            batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            warmup_epochs=min(recipe.warmup_epochs, cell.epochs),
            precision=recipe.precision,
            seed=seed,
        ),
    )


def variant_options(variant: str, recipe: Recipe) -> tuple[str, dict[str, Any]]:
    """Return the method and its options for a variant.

    Untrained encoders take CISSL's, whose heads they never use. All heads have the same widths.

    Parameters
    ----------
    variant : str
        One of :data:`VARIANTS`.
    recipe : Recipe
        Widths, temperatures and numbers of classes.

    Returns
    -------
    method : str
        Name for :func:`ssl_lib.methods.build_method`.
    options : dict
        Its options.

    Raises
    ------
    InputError
        For an unknown variant.
    """
    if variant not in VARIANTS:
        raise InputError(f"unknown variant {variant!r}.{closest(variant, VARIANTS)}")
    hidden, embedding = recipe.hidden, recipe.embedding
    teacher, student = recipe.dissl_temperatures
    shared = {"head": (hidden, embedding), "concatenate_views": True}
    cissl = {"embedding_dim": embedding, "temperature": recipe.temperature}
    dissl = {
        "n_latents": recipe.latents, "rank": recipe.rank,
        "teacher_temperature": teacher, "student_temperature": student,
    }  # fmt: skip
    two = (hidden, hidden)
    options: Mapping[str, dict[str, Any]] = {
        "CISSL, MLP heads": {**cissl, "teacher_hidden": two, "student_hidden": two},
        "CISSL, linear heads": {**cissl, "teacher_hidden": (), "student_hidden": ()},
        "DISSL": {**dissl, "teacher_hidden": (hidden,)},
        "DISSL, MLP heads": {**dissl, "teacher_hidden": two, "student_hidden": two},
        "DISSL, linear heads": {**dissl, "teacher_hidden": (), "student_hidden": ()},
        "SimCLR": {**shared, "temperature": recipe.temperature},
        "VICReg": {"head": (hidden, hidden, hidden), "concatenate_views": True},
        "SwAV": {**shared, "n_prototypes": recipe.latents},
        "DINO": {**shared, "n_prototypes": recipe.latents, "momentum": recipe.momentum},
    }  # fmt: skip
    default = {**cissl, "teacher_hidden": (hidden,)}
    return _METHOD.get(variant, "cissl"), options.get(variant, default)


def _train(
    methods: list[Method],
    specs: list[RunSpec],
    train: ImageData,
    policy: Policy,
    device: str,
    folder: Path,
) -> list[dict[str, float]]:
    if specs[0].encoder == "mlp":
        # Small perceptrons train side by side, in the time of hardly more than one.
        seeds = [spec.training.seed for spec in specs]
        history = pretrain_many(
            methods, train, policy=policy, config=specs[0].training, device=device,
            order_seeds=seeds, views_seeds=seeds, progress=False,
        )  # fmt: skip
        seconds = sum(epoch["seconds"] for epoch in history) / len(methods)
        return [{"loss": loss, "seconds": seconds} for loss in history[-1]["losses"]]
    left = []
    for number, (method, spec) in enumerate(zip(methods, specs, strict=True)):
        done = pretrain(
            method, train, policy=policy, config=spec.training, device=device,
            out=folder / str(number), spec=spec,
        )  # fmt: skip
        total = sum(epoch["seconds"] for epoch in done.history)
        left.append({"loss": done.history[-1]["loss"], "seconds": total})
        method.cpu()
    return left


def probe(
    encoder: nn.Module,
    train: ImageData,
    test: ImageData,
    *,
    spec: RunSpec,
    policy: Policy,
    recipe: Recipe,
    mlp: bool,
    seed: int,
) -> dict[str, float]:
    """Judge an encoder by its frozen representations.

    Parameters
    ----------
    encoder : torch.nn.Module
        In evaluation mode afterwards as before.
    train, test : ImageData
        Labelled images.
    spec : RunSpec
        Whose normalisation the encoder knows.
    policy : Policy
        Whose first view makes the augmented images, normalised.
    recipe : Recipe
        How many labels the few-label probes get.
    mlp : bool
        Whether to fit an MLP probe too.
    seed : int
        Of the draws of labels and augmentations.

    Returns
    -------
    dict of str to float
        The probes' columns of :func:`run`.
    """
    z, z_test = _features(encoder, train, test, spec)
    generator = torch_generator(seed, "augmented")
    views, views_test = (policy(d.images, generator)[0] for d in (train, test))
    augmented = [extract(encoder, images) for images in (views, views_test)]
    with warnings.catch_warnings():
        # The sweep's widest codes have fewer than two samples a dimension, as its caption says.
        warnings.simplefilter("ignore", UserWarning)
        rank = rankme(z)
    found = {
        "full": _linear(z, train.labels, z_test, test.labels, recipe.probe),
        "augmented": _linear(augmented[0], train.labels, augmented[1], test.labels, recipe.probe),
        **_few_labels(z, train.labels, z_test, test.labels, recipe, seed),
        "mlp": float("nan"),
        "rankme": rank,
        "effective_dimension": float(effective_dimension(z)),
    }
    if mlp:
        fitted = mlp_probe(z, train.labels, z_test, test.labels, hidden=recipe.hidden, seed=seed)
        found["mlp"] = float(fitted.accuracy[0])
    return found


def _linear(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, kind: str) -> float:
    if kind == "ridge":
        return ridge_probe(train, labels, test, test_labels).accuracy
    return logistic_probe(train, labels, test, test_labels).accuracy


def _few_labels(
    z: Tensor, labels: Tensor, z_test: Tensor, test_labels: Tensor, recipe: Recipe, seed: int
) -> dict[str, float]:
    # Mean and spread need no label: take those of all training images.
    mean, std = z.mean(0), z.std(0, unbiased=False)
    scale = torch.where(std > 0, 1 / std.clamp_min(1e-12), 0.0)
    z, z_test = (z - mean) * scale, (z_test - mean) * scale
    found = {}
    for shots in recipe.shots:
        # The same stream for every number: fewer labels are part of more.
        rows = sample_shots(labels, shots=shots, generator=torch_generator(seed, "labels"))
        rows = rows.to(z.device)
        fitted = logistic_probe(z[rows], labels[rows], z_test, test_labels, standardise=False)
        found[f"labels_{len(rows)}"] = fitted.accuracy
        if shots == recipe.few:
            found["few"] = fitted.accuracy
    return found
