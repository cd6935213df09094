"""Train what a cell names."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.methods import Method
from ssl_lib.papers.issl.recipes import Recipe
from ssl_lib.papers.issl.variants import VARIANTS
from ssl_lib.training.config import RunSpec, TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.runs import assemble, specify

__all__ = ["encoder_of", "specification"]


def specification(config: Recipe, cell: Mapping[str, Any], train: ImageData) -> RunSpec:
    """Describe a cell's run.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        See :data:`ssl_lib.papers.issl.experiments.CELL`.
    train : ImageData
        The training images.

    Returns
    -------
    RunSpec
    """
    variant = VARIANTS[cell["variant"]]
    # Of raw pixels the dimension is their number, which no encoder need be able to have.
    size = {"out_dim": cell["dim"]} if variant.encodes else {}
    return specify(
        method=variant.method,
        data=train,
        encoder=config.encoder,
        policy=config.policy,
        method_options=variant.options(config),
        encoder_options={**config.encoder_options, **size},
        policy_options={**config.policy_options, "strength": cell["strength"]},
        training=TrainingConfig(
            epochs=cell["epochs"],
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            warmup_epochs=min(config.warmup_epochs, cell["epochs"]),
            precision=config.precision,
            seed=cell["seed"],
        ),
    )


def encoder_of(
    spec: RunSpec, cell: Mapping[str, Any], train: ImageData, workdir: Path
) -> tuple[nn.Module, Policy, dict[str, float]]:
    """Return a cell's encoder, trained where its variant trains.

    Parameters
    ----------
    spec : RunSpec
        From :func:`specification`.
    cell : mapping
    train : ImageData
        Its device is where the encoder trains.
    workdir : pathlib.Path
        For the checkpoint, from which a killed run goes on.

    Returns
    -------
    encoder : torch.nn.Module
        On the images' device.
    policy : Policy
        The views that it is trained on.
    left : dict of str to float
        ``loss`` of the last epoch, ``early_loss`` of the first ten steps (NaN without training)
        and ``seconds`` of training.
    """
    variant = VARIANTS[cell["variant"]]
    method, policy = assemble(spec)
    left = {"loss": math.nan, "early_loss": math.nan, "seconds": 0.0}
    if variant.trains:
        left = _train(method, spec, train, policy, workdir)
    encoder = method.encoder if variant.encodes else nn.Flatten()
    return encoder.to(train.device).eval(), policy, left


def _train(
    method: Method, spec: RunSpec, train: ImageData, policy: Policy, workdir: Path
) -> dict[str, float]:
    history = pretrain(
        method, train, policy=policy, config=spec.training, device=train.device, out=workdir,
        spec=spec, progress=False,
    ).history  # fmt: skip
    seconds = sum(epoch["seconds"] for epoch in history)
    last = history[-1]
    return {"loss": last["loss"], "early_loss": last["early_loss"], "seconds": seconds}
