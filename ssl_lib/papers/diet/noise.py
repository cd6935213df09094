"""Which factors DIET keeps where views disturb them and the encoder is too narrow for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.methods import diet_loss
from ssl_lib.models import build_encoder
from ssl_lib.papers.diet.latents import linear_r2
from ssl_lib.papers.diet.settings import NoiseCase, NoiseWorld
from ssl_lib.randomness import torch_generator

__all__ = ["kept"]

_HELD = 2000


def kept(world: NoiseWorld, case: NoiseCase, seed: int) -> Iterator[tuple[float, float]]:
    """Train an encoder by DIET and yield each factor's noise and the R2 of a linear map to it.

    Each sample has six factors; a view disturbs them, each by its own noise, and turns the result.
    What is read out is the encoder's answer to undisturbed samples that it has not seen, so that
    noise costs nothing there.
    """
    generator = torch_generator(seed, "diet", "noise")
    noise = torch.tensor(world.noise)
    count = len(noise)
    turn = torch.linalg.qr(torch.randn(count, count, generator=generator)).Q
    factors = torch.randn(world.samples, count, generator=generator)
    encode = build_encoder(
        "mlp", in_channels=count, image_size=1, hidden=(64, 64), activation="relu",
        out_dim=case.width, final_norm=False, final_activation=False, seed=seed,
    )  # fmt: skip
    rows = torch.randn(world.samples, case.width, generator=generator).requires_grad_()
    scale = torch.zeros((), requires_grad=True)

    def features(seen: Tensor) -> Tensor:
        z: Tensor = encode(seen @ turn)
        return functional.normalize(z, dim=1) * scale.exp() if case.normalise else z

    fast: dict[str, Any] = {"params": [rows, scale], "lr": world.rows_learning_rate}
    slow: dict[str, Any] = {"params": list(encode.parameters())}
    optimiser = torch.optim.Adam([slow, fast], lr=world.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, world.steps)
    for _ in range(world.steps):
        chosen = torch.randperm(world.samples, generator=generator)[: world.batch_size]
        seen = factors[chosen] + noise * torch.randn(len(chosen), count, generator=generator)
        loss = diet_loss(features(seen), rows, chosen, label_smoothing=0.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    encode.eval()
    held = torch.randn(_HELD, count, generator=generator)
    with torch.no_grad():
        read = features(held)
    for number, level in enumerate(world.noise):
        yield level, linear_r2(read, held[:, number : number + 1])
