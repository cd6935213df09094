"""Two-layer networks on all bit strings: when they learn each mode, beside the spectrum's forecast.

The loss is exact, since all bit strings and all crops are known. A wide network stays near its
first weights, where it is linear in them: its functions are those of :meth:`Modes.profile`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from ssl_lib.papers.ssl_interplay.recipes import Dynamics
from ssl_lib.randomness import torch_generator
from ssl_lib.theory.checks import Array
from ssl_lib.theory.dot_products import cube_eigenvalues
from ssl_lib.theory.dynamics import learning_times
from ssl_lib.theory.hypercube import Crop, characters, subsets, vertices
from ssl_lib.theory.kernels import arc_cosine

__all__ = ["SHARE", "USED", "Modes", "paths", "steps", "train"]

#: Of its final squared amplitude: when a mode counts as learned.
SHARE = 0.5
#: Second moment from which on a component of the outputs counts as a feature that is there.
USED = 0.05


@dataclass(frozen=True)
class Modes:
    """The groups of parities of equal eigenvalues of T and K, and what is exact about them."""

    bits: int
    crop: int

    @cached_property
    def _every(self) -> tuple[Array, Array, Array]:
        sets = subsets(self.bits)
        nu = cube_eigenvalues(self.profile, self.bits)[sets.sum(1)]
        return Crop(self.crop).eigenvalues(sets), nu, sets.sum(1)

    def profile(self, u: Array) -> Array:
        """Return the tangent kernel of wide two-layer ReLU networks with a bias: 1 at cosine 1."""
        d = self.bits
        cosine = np.clip((d * u + 1) / (d + 1), -1, 1)
        first = cosine * (1 - np.arccos(cosine) / np.pi)
        return np.asarray(arc_cosine(cosine, depth=1) + first / 2)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Columns mode (a number), size, count, invariance, nu, penalty (where it is lost)."""
        invariance, nu, size = self._every
        every = pd.DataFrame({"size": size, "invariance": invariance.round(12), "nu": nu})
        every = every[(every.invariance > 0) & (every.nu > 0)]
        found = every.groupby(["size", "invariance"], sort=False).nu.agg(["first", "size"])
        found = found.set_axis(["nu", "count"], axis=1).reset_index()
        found = found.assign(penalty=found.invariance * found.nu)
        found = found.sort_values("penalty", ascending=False, ignore_index=True)
        return found.rename_axis("mode").reset_index()

    @cached_property
    def operator(self) -> torch.Tensor:
        """T at all bit strings, as a matrix."""
        values = characters(vertices(self.bits), subsets(self.bits))
        return torch.tensor((values * self._every[0]) @ values.T / len(values))

    @cached_property
    def groups(self) -> Array:
        """Which mode each parity belongs to: (modes, parities), rows that sum to one."""
        invariance, _, size = self._every
        known = zip(self.table["size"], self.table.invariance.to_numpy(), strict=True)
        found = [(size == own) & np.isclose(invariance, level) for own, level in known]
        return np.array([own / own.sum() for own in found])

    @cached_property
    def characters(self) -> torch.Tensor:
        """All parities at all bit strings, over their number."""
        values = characters(vertices(self.bits), subsets(self.bits))
        return torch.tensor(values / len(values))

    def amplitudes(self, outputs: torch.Tensor) -> Array:
        """Return the mean squared amplitude of each mode's parities in outputs."""
        squares = (self.characters.T @ outputs.detach()).square().sum(1)
        return np.asarray(self.groups @ squares.numpy())

    def alignments(self, outputs: torch.Tensor) -> Array:
        """Return the share of each mode's parities in the span of the components in use."""
        values = outputs.detach()
        size, axes = torch.linalg.eigh(values.T @ values / len(values))
        used = size > USED
        return self.amplitudes(values @ axes[:, used] / size[used].sqrt())


class Network(torch.nn.Module):
    """One hidden layer of ReLUs less nearly all of what it computed at first.

    Scaled so that the tangent kernel does not depend on the width; the small share of the first
    outputs that stays is from where modes grow.
    """

    def __init__(self, config: Dynamics, width: int, seed: int) -> None:
        super().__init__()
        generator = torch_generator(seed, "network", width)
        draw: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
        self.hidden = torch.nn.Parameter(torch.randn(width, config.bits + 1, **draw))
        self.head = torch.nn.Parameter(torch.randn(width, config.outputs, **draw))
        with torch.no_grad():
            self.first = (1 - config.start) * self._plain(inputs(config.bits))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return outputs (n, k) at all bit strings."""
        return torch.sub(self._plain(x), self.first)

    def _plain(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x @ self.hidden.T) @ self.head * float(len(self.hidden) ** -0.5)

    def kernel(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tangent kernel (n, n), averaged over outputs."""
        before = (x @ self.hidden.T).detach()
        active = (before > 0).double() * self.head.detach().square().mean(1).sqrt()
        units = torch.relu(before)
        total: torch.Tensor = units @ units.T + (x @ x.T) * (active @ active.T)
        return total / len(self.hidden)


def inputs(bits: int) -> torch.Tensor:
    """Return all bit strings with a constant, of unit length."""
    x = torch.tensor(vertices(bits))
    return torch.cat([x, torch.ones_like(x[:, :1])], 1) * float((bits + 1) ** -0.5)


def train(
    config: Dynamics, cell: Mapping[str, int], operator: torch.Tensor
) -> Iterator[tuple[int, Network, torch.Tensor]]:
    """Descend on the exact loss; yield step, network and outputs before each step."""
    x, eye = inputs(config.bits), torch.eye(config.outputs, dtype=torch.float64)
    network = Network(config, cell["width"], cell["seed"])
    optimiser = torch.optim.SGD(network.parameters(), lr=config.rate)
    for step in range(config.steps + 1):
        outputs = network(x)
        yield step, network, outputs
        second = outputs.T @ outputs / len(x)
        cross = outputs.T @ (operator @ outputs) / len(x)
        loss = 2 * (second - cross).trace() + (second - eye).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def steps(config: Dynamics, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a network and say when it has learned each mode.

    Parameters
    ----------
    config : Dynamics
    cell : mapping
        ``seed``, ``width`` and ``crop``.

    Returns
    -------
    pandas.DataFrame
        Columns mode (see :attr:`Modes.table`), predicted and measured (steps; missing where never),
        moved (by how much the tangent kernel turned: one less its cosine).
    """
    modes = Modes(config.bits, cell["crop"])
    level, nu = modes.table.invariance.to_numpy(), modes.table.nu.to_numpy()
    heights, kernels = [], []
    for step, network, outputs in train(config, cell, modes.operator):
        heights.append(modes.amplitudes(outputs))
        if step in (0, config.steps):
            kernels.append(network.kernel(inputs(config.bits)).flatten())
    start = np.maximum(heights[0], 1e-300)
    predicted = learning_times(mu=level, nu=nu, start=start, share=SHARE) / config.rate
    cosine = torch.nn.functional.cosine_similarity(kernels[0], kernels[1], dim=0)
    return pd.DataFrame({
        "mode": modes.table["mode"], "predicted": predicted,
        "measured": [_first(heights, place, SHARE * mu) for place, mu in enumerate(level)],
        "moved": 1 - float(cosine),
    })  # fmt: skip


def _first(heights: list[Array], place: int, wanted: float) -> float:
    above = np.flatnonzero(np.array(heights)[:, place] >= wanted)
    return float(above[0]) if len(above) else np.nan


def paths(config: Dynamics, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a network and keep the squared amplitudes of its modes at some steps.

    Returns
    -------
    pandas.DataFrame
        Columns step, mode, amplitude, and alignment (of the network's span with the mode).
    """
    modes = Modes(config.bits, cell["crop"])
    kept = set(np.unique(np.geomspace(1, config.steps + 1, config.keep).round()).astype(int) - 1)
    rows = [
        (step, place, *values)
        for step, _, outputs in train(config, cell, modes.operator)
        if step in kept
        for place, values in enumerate(
            zip(modes.amplitudes(outputs), modes.alignments(outputs), strict=True)
        )
    ]
    return pd.DataFrame(rows, columns=["step", "mode", "amplitude", "alignment"])
