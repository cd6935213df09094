"""RankMe of a tall matrix: through the Gram matrix, against a singular value decomposition.

    python benchmarks/rankme.py --rows 25600 --dim 2048

CPU time of :func:`ssl_lib.evaluation.rank.rankme` and of ``torch.linalg.svdvals`` on the same
float32 features, in both precisions; and on smaller matrices of several spectra the relative
difference from a float64 decomposition. The memory that
:class:`ssl_lib.evaluation.rank.RankMeter` adds for the same rows, made batch by batch, is the
growth of the largest resident size of a process of its own (Linux).
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

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


def timed(
    run: Callable[[torch.Tensor], float], features: torch.Tensor, clock: Callable[[], float]
) -> tuple[float, float]:
    start = clock()
    value = run(features)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=25_600)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.stream:
        return stream(args.rows, args.dim)
    clock = time.perf_counter if args.wall else time.process_time
    for name, rows in spectra(2048, 256).items():
        exact = entropic_rank(torch.linalg.svdvals(rows))
        print(f"{name:28s} relative difference in float64 {abs(rankme(rows) / exact - 1):.1e}")
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(args.rows, args.dim, generator=generator)
    ours, value = timed(rankme, features, clock)
    theirs, other = timed(by_svd, features, clock)
    exact, best = timed(by_svd, features.double(), clock)
    print(f"{args.rows} x {args.dim} float32, torch {torch.__version__}, {args.threads} thread(s)")
    print(f"ssl_lib          {ours:6.1f} s")
    print(f"svdvals, float64 {exact:6.1f} s   {exact / ours:.1f} x our time", end="   ")
    print(f"relative difference {abs(value / best - 1):.1e}")
    print(f"svdvals, float32 {theirs:6.1f} s   {theirs / ours:.1f} x our time", end="   ")
    print(f"relative difference {abs(other / best - 1):.1e}")
    command = [sys.executable, __file__, "--stream", "--rows", str(args.rows)]
    done = subprocess.run(
        [*command, "--dim", str(args.dim)], capture_output=True, text=True, check=True
    )
    whole = args.rows * args.dim * 4 / 2**20
    print(f"streamed: {float(done.stdout):.0f} MiB more memory; the features are {whole:.0f} MiB")
    return None


if __name__ == "__main__":
    main()
