"""The cost of a training step with POLICE beside that of the unconstrained network.

    python -m benchmarks.police [--official CHECKOUT] [--device cpu] [--output results]

Forward, loss and backward of a leaky-ReLU network on N = 1024 points of N(0, I_D) / sqrt(D), affine
on the simplex {0, e_1, .., e_D} / sqrt(D): the paper's Table 1, over more depths, widths and
dimensions. All variants take turns in changing order; medians after a warm-up, on a CPU of the
process's CPU time, on a GPU of synchronised wall time. ``CHECKOUT`` is one of
RandallBalestriero/POLICE, whose code is then timed too. Merging removes the cost: the merged
network's forward pass is timed against the unconstrained one's. The table goes to
``OUTPUT/benchmarks/police.csv``.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.tables import parser_of, publish
from ssl_lib.geometry import constrain

N = 1024
# Dimension, width, depth; the first three are the paper's, with its milliseconds on a GP100.
PAPER = {(784, 128, 4): (1.34, 8.31), (2, 512, 16): (3.01, 30.72), (3072, 4096, 2): (23.85, 91.54)}
CASES = [
    (2, 64, 4), (2, 256, 2), (2, 256, 4), (2, 256, 8), (2, 512, 16), (16, 256, 4), (128, 256, 4),
    (784, 128, 4), (784, 512, 4),
]  # fmt: skip
LARGE = (3072, 4096, 2)


def network(dimension: int, width: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in in [dimension, *[width] * (depth - 1)]:
        layers += [nn.Linear(n_in, width), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def official(folder: Path, plain: nn.Sequential, simplex: Tensor) -> nn.Module:
    """The published network with the same weights."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    from utils import ConstrainedNetwork

    linear = [layer for layer in plain if isinstance(layer, nn.Linear)]
    hidden = ConstrainedNetwork(
        simplex, linear[0].in_features, len(linear) - 1, linear[0].out_features,
        lambda x: F.leaky_relu(x, 0.01),
    )  # fmt: skip
    for number, layer in enumerate(linear[:-1]):
        getattr(hidden, f"layer{number}").load_state_dict(layer.state_dict())
    return nn.Sequential(hidden, linear[-1]).to(simplex.device)


def clock(device: torch.device) -> float:
    """Seconds: of the CPU, or with all work of the GPU done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def training_step(model: nn.Module, points: Tensor, target: Tensor) -> Callable[[], None]:
    def step() -> None:
        loss = F.mse_loss(model(points)[:, 0], target)
        loss.backward()
        model.zero_grad(set_to_none=True)

    return step


def inference(model: nn.Module, points: Tensor) -> Callable[[], None]:
    @torch.no_grad()
    def step() -> None:
        model(points)

    return step


def medians(
    steps: dict[str, Callable[[], None]], rounds: int, device: torch.device
) -> dict[str, float]:
    """Median milliseconds of each step, measured in a new order each round.

    What ran before decides what is in the cache: in a fixed order the merged network, after its
    plain twin, would seem the faster of the two.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    order = random.Random(0)
    for number in range(rounds + 2):
        for name in order.sample(list(steps), len(steps)):
            start = clock(device)
            steps[name]()
            if number >= 2:
                seconds[name].append(clock(device) - start)
    return {name: 1000 * median(values) for name, values in seconds.items()}


def measure_case(
    case: tuple[int, int, int], rounds: int, device: torch.device, folder: Path | None
) -> dict[str, Any]:
    """One row of the table."""
    dimension, width, depth = case
    torch.manual_seed(0)
    plain = network(*case).to(device)
    simplex = torch.cat([torch.zeros(1, dimension), torch.eye(dimension)]) / dimension**0.5
    simplex = simplex.to(device)
    points = (torch.randn(N, dimension) / dimension**0.5).to(device)
    target = torch.cos(5 * points.norm(dim=1))
    target = (target - target.mean()) / (target - target.mean()).abs().max()
    ours = constrain(plain, simplex)
    models: dict[str, nn.Module] = {"plain": plain, "ours": ours}
    if folder is not None:
        models["official"] = official(folder, plain, simplex)
    steps = {name: training_step(model, points, target) for name, model in models.items()}
    steps["plain_test"] = inference(plain, points)
    steps["merged_test"] = inference(ours.merge(), points)
    found = medians(steps, rounds, device)
    row = {"dimension": dimension, "width": width, "depth": depth}
    row |= {f"{name}_ms": value for name, value in found.items()}
    for name in set(models) - {"plain"}:
        row[f"{name}_slowdown"] = found[name] / found["plain"]
    row["merged_slowdown"] = found["merged_test"] / found["plain_test"]
    row["flops_ratio"] = (N + dimension + 1) / N
    plain_ms, police_ms = PAPER.get(case, (1.0, float("nan")))
    row["paper_slowdown"] = police_ms / plain_ms
    return row


def measure(config: dict[str, Any], checkout: str | None) -> pd.DataFrame:
    torch.set_num_threads(1)
    folder = Path(checkout) if checkout else None
    device = torch.device(config["device"])
    rows = []
    for case in config["cases"]:
        rows.append(measure_case(tuple(case), config["rounds"], device, folder))
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--official", type=Path, help="a checkout of the published code")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--large", action="store_true", help="the paper's row of D = 3072, too")
    args = parser.parse_args()
    config = {
        "cases": [*CASES, *([LARGE] if args.large else [])],
        "rounds": args.rounds,
        "device": args.device,
        "official": args.official is not None,
    }
    folder = str(args.official) if args.official else None
    publish("police", lambda c: measure(c, folder), args, config, uses=[constrain])


if __name__ == "__main__":
    main()
