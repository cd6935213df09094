"""What `benchmarks.splinecam` compares with: shapely, and the published graph search.

    python -m benchmarks.splinecam_peers shapely WIDTH DEPTH HE
    python -m benchmarks.splinecam_peers official WIDTH DEPTH HE --folder CHECKOUT

prints the regions after each layer and the CPU seconds as JSON. Imports nothing of this library, so
that an interpreter with older packages can run it: the published code needs graph-tool, networkx,
igraph and numpy < 2.
"""

import argparse
import importlib
import itertools
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch
from torch import nn

ENOUGH = 8.0
CORNERS = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]


def network(width: int, depth: int, he: bool = False) -> nn.Sequential:
    """Linear layers made in order after seed 0 in torch's default (or He) initialisation."""
    torch.manual_seed(0)
    widths = [2, *[width] * depth, 1]
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    if he:
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    pairs = [(layer, nn.ReLU()) for layer in layers]
    return nn.Sequential(*itertools.chain.from_iterable(pairs))[:-1].eval()


def shapely_splitter(model: nn.Sequential) -> list[int]:
    """Each region is split by one line after the other with shapely."""
    import shapely
    from shapely.ops import split

    regions = [(shapely.Polygon(CORNERS), np.eye(2), np.zeros(2))]
    counts = []
    layers = [layer.double() for layer in model if isinstance(layer, nn.Linear)][:-1]
    for layer in layers:
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        following = []
        for polygon, slope, offset in regions:
            pieces, slopes, offsets = [polygon], weight @ slope, weight @ offset + bias
            values = shapely.get_coordinates(polygon) @ slopes.T + offsets
            for unit in ((values.max(0) > 1e-12) & (values.min(0) < -1e-12)).nonzero()[0]:
                line = shapely.LineString(long_line(slopes[unit], offsets[unit]))
                pieces = [part for piece in pieces for part in split(piece, line).geoms]
            for piece in pieces:
                corners = shapely.get_coordinates(piece)[:-1]
                gate = slopes @ corners.mean(0) + offsets > 0
                following.append((piece, gate[:, None] * slopes, gate * offsets))
        regions = following
        counts.append(len(regions))
    return counts


def long_line(slope: np.ndarray, offset: float) -> np.ndarray:
    """Two far points of the line on which slope . u + offset is zero."""
    foot = -offset * slope / (slope @ slope)
    along = 10 * np.array([-slope[1], slope[0]]) / np.linalg.norm(slope)
    return np.stack([foot - along, foot + along])


def load_official(folder: Path) -> SimpleNamespace:
    """The published package, on a CPU and without what only drawing and CUDA need."""
    torch.jit.script = lambda function, *_, **__: function  # type: ignore[assignment]
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # type: ignore[method-assign]
    for unneeded in ("plot", "models"):
        sys.modules[f"splinecam.{unneeded}"] = ModuleType(unneeded)
    sys.path.insert(0, str(folder))
    names = ("graph", "utils", "wrappers")
    modules = {name: importlib.import_module(f"splinecam.{name}") for name in names}
    modules["graph"].tqdm.tqdm = lambda items, *_, **__: items
    return SimpleNamespace(**modules)


@torch.no_grad()
def official(package: SimpleNamespace, model: nn.Sequential) -> list[int]:
    """Regions after each layer by the published code's path in float64, region by region."""
    kinds = {"dtype": torch.float64, "device": "cpu"}
    plane = torch.cat([torch.eye(2), torch.zeros(2, 1)], 1).double()
    wrapped = package.wrappers.model_wrapper(model.double(), input_shape=(2,), T=plane, **kinds)
    cycles = [torch.tensor([*CORNERS, CORNERS[0]], dtype=torch.float64)]
    maps = wrapped.layers[0].get_weights()[None]
    counts = []
    for number in range(1, len(wrapped.layers) - 1):
        layer = wrapped.layers[number]
        cycles, parent = package.graph.to_next_layer_partition(
            cycles, maps, number, wrapped, **kinds
        )
        parent = torch.as_tensor([int(p) for p in parent])
        inside = package.utils.get_region_means(cycles, 2, **kinds)
        gate = layer.get_activation_pattern(wrapped.layers[:number].forward(inside))
        maps = package.utils.get_Abw(gate.double(), layer.get_weights(), maps[parent])
        counts.append(len(cycles))
    return counts


def timed(
    run: Callable[[], list[int]], rounds: int, enough: float = math.inf
) -> tuple[list[int], float]:
    """The counts and the least CPU seconds of some rounds; none is begun after ``enough``."""
    seconds: list[float] = []
    while len(seconds) < rounds and sum(seconds) < enough:
        start = time.process_time()
        counts = run()
        seconds.append(time.process_time() - start)
    return counts, min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=["shapely", "official"])
    parser.add_argument("width", type=int)
    parser.add_argument("depth", type=int)
    parser.add_argument("he", type=int)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = network(args.width, args.depth, bool(args.he))
    if args.peer == "shapely":
        found = timed(lambda: shapely_splitter(model), 3, ENOUGH)
    else:
        package = load_official(args.folder)
        found = timed(lambda: official(package, model), 3, ENOUGH)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
