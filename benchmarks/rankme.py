"""RankMe of a tall matrix: through the Gram matrix, against a singular value decomposition.

    python -m benchmarks.rankme [--rows 25600] [--dim 2048]

CPU time of :func:`ssl_lib.evaluation.rank.rankme` and of ``torch.linalg.svdvals`` on the same
float32 features, in both precisions, in turn, medians; ``gap`` is the relative difference of the
value from that of the float64 decomposition, also for smaller matrices of several spectra. The
memory that :class:`ssl_lib.evaluation.rank.RankMeter` adds for the same rows, made batch by batch,
is the growth of the largest resident size of a process of its own (Linux). The table goes to
``OUTPUT/benchmarks/rankme.csv``.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.tables import parser_of, publish
from ssl_lib.evaluation.rank import RankMeter, entropic_rank, rankme


def spectra(rows: int, dim: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    gaussian, k = normal(rows, dim), torch.arange(1, dim + 1, dtype=torch.float64)
    low = normal(rows, 32) @ normal(32, dim)
    return {
        "gaussian": gaussian,
        "sigma ~ 1/k": torch.linalg.qr(gaussian).Q / k,
        "sigma ~ exp(-k/20)": torch.linalg.qr(gaussian).Q * torch.exp(-k / 20),
        "rank 32": low,
        "rank 32 and noise of 1e-4": low + 1e-4 * gaussian,
        "relu": (gaussian @ normal(dim, dim) / dim**0.5).relu(),
    }


def by_svd(features: torch.Tensor) -> float:
    return entropic_rank(torch.linalg.svdvals(features))


def timed(run: Callable[[], float], clock: Callable[[], float]) -> tuple[float, float]:
    start = clock()
    value = run()
    return clock() - start, value


def resident(what: str) -> float:
    # Not getrusage: its maximum begins with that of the process which started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def stream(rows: int, dim: int, batch: int = 256) -> None:
    """Print how much the largest resident size grows, in MiB."""
    generator = torch.Generator().manual_seed(0)
    torch.linalg.eigvalsh(torch.eye(64, dtype=torch.float64))
    before = resident("VmRSS")
    meter = RankMeter(dim)
    for _ in range(rows // batch):
        meter.update(torch.randn(batch, dim, generator=generator))
    meter.compute()
    print(resident("VmHWM") - before)


def spectra_gaps() -> list[dict[str, object]]:
    return [
        {
            "task": f"2,048 x 256, {name}",
            "side": "ssl_lib",
            "gap": abs(rankme(rows) / entropic_rank(torch.linalg.svdvals(rows)) - 1),
        }
        for name, rows in spectra(2048, 256).items()
    ]


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(config["threads"])
    rows, dim = config["rows"], config["dim"]
    clock = time.perf_counter if config["wall"] else time.process_time
    features = torch.randn(rows, dim, generator=torch.Generator().manual_seed(0))
    double = features.double()
    runs: dict[str, Callable[[], float]] = {
        "ssl_lib": lambda: rankme(features),
        "svdvals, float64": lambda: by_svd(double),
        "svdvals, float32": lambda: by_svd(features),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    values = {}
    for _ in range(config["rounds"]):
        for name, run in runs.items():
            spent, values[name] = timed(run, clock)
            times[name].append(spent)
    seconds = {name: statistics.median(spent) for name, spent in times.items()}
    table = [
        {
            "task": f"{rows:,} x {dim:,}",
            "side": name,
            "seconds": round(spent, 3),
            "ratio": round(spent / seconds["ssl_lib"], 3),
            "gap": abs(values[name] / values["svdvals, float64"] - 1),
        }
        for name, spent in seconds.items()
    ]
    command = [sys.executable, "-m", "benchmarks.rankme", "--stream"]
    command += ["--rows", str(rows), "--dim", str(dim)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    streamed = {"side": "RankMeter", "MiB": round(float(done.stdout))}
    table.append({"task": f"{rows:,} x {dim:,}, streamed", **streamed})
    return pd.DataFrame([*table, *spectra_gaps()])


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, default=25_600)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.stream:
        stream(args.rows, args.dim)
    else:
        publish("rankme", measure, args)


if __name__ == "__main__":
    main()
