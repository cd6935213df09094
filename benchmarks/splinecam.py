"""Exact partitions: ours, a splitter of single polygons, the published graph search.

    python -m benchmarks.splinecam [--official CHECKOUT] [--official-python PYTHON]

All enumerate the regions of the same networks on [-1, 1]^2 in float64 on one thread; counts must
be equal layer by layer. CPU seconds are given, the least of some rounds, because they hardly
depend on what else the machine does. The splitter (shapely, where it is installed) and the
published code (a checkout of AhmedImtiazPrio/splinecam, and an interpreter with what it needs, see
`benchmarks.splinecam_peers`) take milliseconds a region, so they only see networks of up to
``--peer-regions`` regions. Peak memory, with the default chunks and without, is that of a process
of its own. The table goes to ``OUTPUT/benchmarks/splinecam.csv``.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from benchmarks.splinecam_peers import network, timed
from benchmarks.tables import parser_of, publish
from ssl_lib.geometry import box, partition

# Width, depth, and whether the initialisation is He's (else torch's default).
NETWORKS = [
    (64, 1, False), (256, 1, False), (510, 1, False), (32, 4, False), (48, 4, False),
    (64, 4, False), (64, 8, False), (128, 4, False), (256, 4, False), (64, 8, True),
]  # fmt: skip
SQUARE = box(-1, 1, -1, 1)
EVERYTHING_AT_ONCE = 2**50


def ours(model: nn.Sequential) -> list[int]:
    """Regions after each layer."""
    return [layer.n_regions for layer in partition(model, SQUARE).layers]


def peak_memory(width: int, depth: int, memory: int | None) -> float:
    """Peak MB of a fresh process that partitions a network, its imports included."""
    code = (
        "import resource, torch; torch.set_num_threads(1)\n"
        "from benchmarks.splinecam import SQUARE, network\n"
        "from ssl_lib.geometry import partition\n"
        f"partition(network({width}, {depth}), SQUARE, memory={memory})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def run_apart(command: list[str], shape: tuple[int, int, bool]) -> tuple[list[int], float]:
    """The counts and CPU seconds of a peer in a process, perhaps an interpreter, of its own."""
    numbers = [str(int(number)) for number in shape]
    place = command.index("--folder") if "--folder" in command else len(command)
    full = [*command[:place], *numbers, *command[place:]]
    done = subprocess.run(full, capture_output=True, text=True, check=True)
    counts, seconds = json.loads(done.stdout.splitlines()[-1])
    return counts, seconds


def measure(config: dict[str, Any], commands: dict[str, list[str]]) -> pd.DataFrame:
    """One row a network and code."""
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for shape in config["networks"]:
        model = network(*shape)
        counts, seconds = timed(lambda model=model: ours(model), config["rounds"])
        found = {"ours": (counts, seconds)}
        if counts[-1] <= config["peer_regions"]:
            found |= {peer: run_apart(command, shape) for peer, command in commands.items()}
        for code, (theirs, cpu) in found.items():
            width, depth, he = shape
            row = {"width": width, "depth": depth, "init": "He" if he else "default"}
            row |= {"code": code, "regions": theirs[-1], "same_counts": theirs == counts}
            row |= {"cpu_s": cpu, "regions_per_s": theirs[-1] / cpu, "times_ours": cpu / seconds}
            row |= {"peak_mb": float("nan"), "peak_mb_unchunked": float("nan")}
            rows.append(row)
        if counts[-1] > 100_000:
            rows[-1]["peak_mb"] = peak_memory(*shape[:2], None)
            rows[-1]["peak_mb_unchunked"] = peak_memory(*shape[:2], EVERYTHING_AT_ONCE)
        print(json.dumps(rows[-len(found) :]), flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--official", type=Path, help="a checkout of the published code")
    parser.add_argument("--official-python", default=sys.executable, help="interpreter for it")
    parser.add_argument("--peer-regions", type=int, default=30_000)
    parser.add_argument("--largest", type=int, default=256, help="width of the widest deep network")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    peer = ["-m", "benchmarks.splinecam_peers"]
    commands = {}
    if importlib.util.find_spec("shapely"):
        commands["shapely"] = [sys.executable, *peer, "shapely"]
    if args.official:
        folder = ["--folder", str(args.official)]
        commands["official"] = [args.official_python, *peer, "official", *folder]
    config = {
        "networks": [n for n in NETWORKS if n[0] <= args.largest or n[1] == 1],
        "rounds": args.rounds,
        "peers": list(commands),
        "peer_regions": args.peer_regions,
    }
    publish("splinecam", lambda c: measure(c, commands), args, config, uses=[partition])


if __name__ == "__main__":
    main()
