"""Closed-form SSL and functions of least variation, against the ways they are usually computed.

    python -m benchmarks.theory [--inputs 100000] [--landmarks 1000] [--sizes 50] [--points 1000]

``landmarks``: :class:`ssl_lib.theory.ssl.KernelSSL` at many inputs, with the peak memory it adds,
against the dense eigenproblem of 2,000 views. ``grid``: exact SSL at many sample sizes
by :func:`ssl_lib.theory.nested.nested_ssl`, against one pseudo-inverse and one eigenproblem a size.
``graph``: :class:`ssl_lib.theory.diffusion.DiffusionMap`, dense and with neighbours, against
scikit-learn's ``SpectralEmbedding`` and a diffusion map by a dense eigenproblem. Processor time in
one run; ``gap`` is 1 less the smallest cosine of a principal angle to our span at the same inputs,
empty where the sides solve problems of different sizes. The table goes to
``OUTPUT/benchmarks/theory.csv``.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl
from scipy.linalg import eigh

from benchmarks.tables import parser_of, publish
from ssl_lib.theory import DiffusionMap, Gaussian, KernelSSL, Laplace, Noise, half_moons, nested_ssl
from ssl_lib.theory.spans import principal_cosines

Row = dict[str, Any]
K = 5


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    with threadpoolctl.threadpool_limits(config["threads"]):
        rows = [*landmarks(config), *grid(config), *graph(config)]
    table = pd.DataFrame(rows)
    ours = table[table["side"] == "ssl_lib"].set_index("case")["seconds"]
    table["ratio"] = (table["seconds"] / table["case"].map(ours)).round(2)
    return table.assign(seconds=table["seconds"].round(3))


def landmarks(config: Mapping[str, Any]) -> list[Row]:
    x = half_moons(config["inputs"], np.random.default_rng(0)).points
    kernel, p = Laplace(0.3), config["landmarks"]
    model = KernelSSL(Noise(0.1), n_components=K, kernel=kernel, landmarks=p)
    _, seconds, memory = timed(lambda: model.fit(x))
    case = "landmarks"
    rows = [{"case": case, "side": "ssl_lib", "n": len(x), "seconds": seconds, "MB": memory}]
    _, seconds, memory = timed(lambda: model.fit(x[: len(x) // 4]))
    rows += [{"case": case, "side": "a quarter of the inputs", "n": len(x) // 4,
              "seconds": seconds, "MB": memory}]  # fmt: skip
    views = sequence(x[: config["dense"] // 2])
    _, seconds, memory = timed(lambda: official(kernel(views, views), 1e-3))
    side = "dense eigenproblem"
    return [*rows, {"case": case, "side": side, "n": len(views) // 2, "seconds": seconds,
                    "MB": memory}]  # fmt: skip


def grid(config: Mapping[str, Any]) -> list[Row]:
    kernel, code = Laplace(0.2), 1e-3
    sizes = np.unique(np.geomspace(30, config["points"], config["sizes"]).astype(int)).tolist()
    x = half_moons(config["points"], np.random.default_rng(1)).points
    views = sequence(x)
    stack = [views[::2], views[1::2]]
    ours, seconds, memory = timed(
        lambda: nested_ssl(
            stack, sizes, kernel=kernel, ridge=code / 2, n_components=K, statistic="V"
        )
    )
    rows = [{"case": "grid", "side": "ssl_lib", "n": sizes[-1], "seconds": seconds, "MB": memory}]
    gram = kernel(views, views)
    theirs, seconds, memory = timed(
        lambda: [official(gram[: 2 * size, : 2 * size], code) for size in sizes]
    )
    gap = max(
        apart(gram[: 2 * size, : 2 * size] @ one, features(gram[: 2 * size]))
        for size, one, features in zip(sizes, theirs, ours, strict=True)
    )
    side = "pseudo-inverse and eigenproblem a size"
    return [*rows, {"case": "grid", "side": side, "n": sizes[-1], "seconds": seconds, "MB": memory,
                    "gap": gap}]  # fmt: skip


def graph(config: Mapping[str, Any]) -> list[Row]:
    from sklearn.manifold import SpectralEmbedding

    x = half_moons(config["graph"], np.random.default_rng(2)).points
    h = 0.15
    sides: dict[str, Callable[[], np.ndarray]] = {
        "ssl_lib": lambda: DiffusionMap(K, bandwidth=h, alpha=0.0, centre=True).fit_transform(x),
        "ssl_lib, neighbours": lambda: DiffusionMap(
            K, bandwidth=h, alpha=0.0, centre=True, neighbours=len(x) // 4
        ).fit_transform(x),
        "SpectralEmbedding": lambda: SpectralEmbedding(
            K, affinity="rbf", gamma=1 / (2 * h**2)
        ).fit_transform(x),
        "dense eigenproblem": lambda: dense_map(x, h),
    }
    rows, first = [], None
    for side, run in sides.items():
        found, seconds, memory = timed(run)
        first = found if first is None else first
        rows.append({"case": "graph", "side": side, "n": len(x), "seconds": seconds, "MB": memory,
                     "gap": apart(found, first)})  # fmt: skip
    return rows


def official(gram: np.ndarray, code: float) -> np.ndarray:
    """Solve as the paper's scripts do; return coefficients of the kernel at the views."""
    inverse = np.linalg.pinv(gram, rcond=1e-9, hermitian=True)
    pairs = np.kron(np.eye(len(gram) // 2), np.ones((2, 2)))
    return inverse @ np.linalg.eigh(pairs - code * inverse)[1][:, -K:]


def dense_map(x: np.ndarray, h: float) -> np.ndarray:
    weights = Gaussian(h)(x, x)
    walk = weights / weights.sum(1, keepdims=True)
    root = np.sqrt(weights.sum(1))
    values = eigh(walk * root[:, None] / root)[1][:, ::-1]
    return values[:, 1 : K + 1] / root[:, None]


def sequence(x: np.ndarray) -> np.ndarray:
    """Return two noisy views of each point, one after the other."""
    pairs = np.repeat(x, 2, axis=0)
    return pairs + 0.1 * np.random.default_rng(3).standard_normal(pairs.shape)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(1 - principal_cosines(a, b).min())


def timed(run: Callable[[], Any]) -> tuple[Any, float, int]:
    """Return what a run returns, its processor time, and the megabytes that numpy held at most."""
    import tracemalloc

    tracemalloc.start()
    start = time.process_time()
    found = run()
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, seconds, round(peak / 1e6)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--landmarks", type=int, default=1000)
    parser.add_argument("--dense", type=int, default=2000)
    parser.add_argument("--sizes", type=int, default=50)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--graph", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    publish("theory", measure, parser.parse_args())


if __name__ == "__main__":
    main()
