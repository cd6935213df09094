"""The ridge probe over many penalties, against scikit-learn's.

    python benchmarks/ridge.py --rows 10000 --dim 512 --penalties 20

:func:`ssl_lib.evaluation.linear.ridge_path` solves for all penalties, with their leave-one-out
errors; scikit-learn's ``Ridge`` is fitted once a penalty, and ``RidgeCV`` also chooses by
leave-one-out. CPU time in one run, and the largest difference of the coefficients.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import Ridge, RidgeCV

from ssl_lib.evaluation.linear import ridge_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--penalties", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(args.rows, args.dim, generator=generator, dtype=torch.float64)
    labels = torch.randint(args.classes, (args.rows,), generator=generator)
    y = torch.nn.functional.one_hot(labels, args.classes).double()
    penalties = np.logspace(-6, 3, args.penalties).tolist()
    alphas = [args.rows * penalty for penalty in penalties]
    clock = time.perf_counter if args.wall else time.process_time
    runs: dict[str, Callable[[], Any]] = {
        "ssl_lib": lambda: ridge_path(x, y, penalties=penalties),
        "Ridge, once a penalty": lambda: [
            Ridge(alpha=alpha).fit(x.numpy(), y.numpy()) for alpha in alphas
        ],
        "RidgeCV": lambda: RidgeCV(alphas=alphas).fit(x.numpy(), y.numpy()),
    }
    times, found = {}, {}
    for name, run in runs.items():
        start = clock()
        found[name] = run()
        times[name] = clock() - start
    print(
        f"{args.rows} x {args.dim}, {args.classes} classes, {args.penalties} penalties, torch "
        f"{torch.__version__}, {args.threads} thread(s)"
    )
    for name, spent in times.items():
        print(f"{name:24s} {spent:8.2f} s   {spent / times['ssl_lib']:5.1f} x our time")
    theirs = np.stack([fit.coef_.T for fit in found["Ridge, once a penalty"]])
    gap = np.abs(found["ssl_lib"].weights.numpy() - theirs).max() / np.abs(theirs).max()
    chosen = penalties[int(found["ssl_lib"].loo_error.argmin())]
    print(f"largest relative difference of a coefficient {gap:.1e}")
    print(f"penalty chosen {chosen:.1e}, by RidgeCV {found['RidgeCV'].alpha_ / args.rows:.1e}")


if __name__ == "__main__":
    main()
