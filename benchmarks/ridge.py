"""The ridge probe over many penalties, against scikit-learn's.

    python -m benchmarks.ridge [--rows 10000] [--dim 512] [--penalties 20]

:func:`ssl_lib.evaluation.linear.ridge_path` solves for all penalties, with their leave-one-out
errors; scikit-learn's ``Ridge`` is fitted once a penalty, and ``RidgeCV`` also chooses by
leave-one-out. CPU time in one run; ``largest gap`` is the largest difference of a coefficient from
ours, relative to the largest one, and ``penalty`` the one that leave-one-out chose. The table goes
to ``OUTPUT/benchmarks/ridge.csv``.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl
import torch
from sklearn.linear_model import Ridge, RidgeCV

from benchmarks.tables import parser_of, publish
from ssl_lib.evaluation.linear import ridge_path


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    rows, classes = config["rows"], config["classes"]
    torch.set_num_threads(config["threads"])
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, config["dim"], generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (rows,), generator=generator)
    y = torch.nn.functional.one_hot(labels, classes).double()
    penalties = np.logspace(-6, 3, config["penalties"]).tolist()
    alphas = [rows * penalty for penalty in penalties]
    clock = time.perf_counter if config["wall"] else time.process_time
    runs: dict[str, Callable[[], Any]] = {
        "ssl_lib": lambda: ridge_path(x, y, penalties=penalties),
        "Ridge, once a penalty": lambda: [
            Ridge(alpha=alpha).fit(x.numpy(), y.numpy()) for alpha in alphas
        ],
        "RidgeCV": lambda: RidgeCV(alphas=alphas).fit(x.numpy(), y.numpy()),
    }
    times, found = {}, {}
    with threadpoolctl.threadpool_limits(config["threads"]):
        for name, run in runs.items():
            start = clock()
            found[name] = run()
            times[name] = clock() - start
    theirs = np.stack([fit.coef_.T for fit in found["Ridge, once a penalty"]])
    gap = np.abs(found["ssl_lib"].weights.numpy() - theirs).max() / np.abs(theirs).max()
    chosen = {
        "ssl_lib": penalties[int(found["ssl_lib"].loo_error.argmin())],
        "RidgeCV": found["RidgeCV"].alpha_ / rows,
    }
    table = pd.DataFrame({"side": times.keys(), "seconds": times.values()}).round(3)
    table["ratio"] = (table["seconds"] / table["seconds"][0]).round(2)
    table["largest gap"] = table["side"].map({"Ridge, once a penalty": gap})
    table["penalty"] = table["side"].map(chosen)
    return table


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--penalties", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true")
    publish("ridge", measure, parser.parse_args())


if __name__ == "__main__":
    main()
