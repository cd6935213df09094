"""Closed-form SSL and functions of least variation, against the ways they are usually computed.

    python -m benchmarks.theory [--inputs 100000] [--landmarks 1000] [--sizes 50] [--points 1000]

``landmarks``: :class:`ssl_lib.theory.ssl.KernelSSL` at many inputs, with the peak memory it adds,
against the dense eigenproblem of 2,000 views. ``grid``: errors at many pretraining and
downstream sizes, by :func:`ssl_lib.theory.nested.nested_ssl` and ``nested_probes``, against a
pseudo-inverse, an eigenproblem and kernels for each size, as the paper's scripts have it.
``graph``: :class:`ssl_lib.theory.diffusion.DiffusionMap`, dense and with neighbours, against
scikit-learn's ``SpectralEmbedding`` and a diffusion map by a dense eigenproblem. Processor time in
one run; ``gap`` is the largest difference of an error (grid) or 1 less the smallest cosine of a
principal angle to our span (graph). The table goes to
``OUTPUT/benchmarks/theory.csv``.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl
from scipy.linalg import eigh, pinvh

from benchmarks.tables import parser_of, publish
from ssl_lib.theory import (
    DiffusionMap,
    Gaussian,
    KernelSSL,
    Laplace,
    Noise,
    class_probabilities,
    half_moons,
    nested_ssl,
)
from ssl_lib.theory.downstream import nested_probes, regression_excess
from ssl_lib.theory.spans import principal_cosines

Row = dict[str, Any]
K = 5


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    with threadpoolctl.threadpool_limits(config["threads"]):
        rows = [*landmarks(config), *grid(config), *graph(config)]
    table = pd.DataFrame(rows)
    ours = table[table["side"] == "ssl_lib"].set_index("case")["seconds"]
    table["ratio"] = (table["seconds"] / table["case"].map(ours)).round(3)
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
    problem = Grid(config)
    ours, seconds, memory = timed(problem.nested)
    rows = [{"case": "grid", "side": "ssl_lib", "n": config["points"], "seconds": seconds,
             "MB": memory}]  # fmt: skip
    theirs, seconds, memory = timed(problem.one_by_one)
    side = "a pseudo-inverse and an eigenproblem a size"
    return [*rows, {"case": "grid", "side": side, "n": config["points"], "seconds": seconds,
                    "MB": memory, "gap": float(np.abs(ours - theirs).max())}]  # fmt: skip


class Grid:
    """Errors over pretraining sizes and downstream sizes: one pretraining sample, a few probes."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        generator, points = np.random.default_rng(1), config["points"]
        self.kernel, self.code = Laplace(0.2), 1e-3
        self.up, self.down = (
            np.unique(np.geomspace(30, points, config[name]).astype(int)).tolist()
            for name in ("sizes", "labels")
        )
        self.views = sequence(half_moons(points, generator).points)
        self.test = half_moons(500, generator).points
        self.truth = class_probabilities(self.test)
        self.train = [half_moons(points, generator).points for _ in range(config["trials"])]
        self.labels = [np.eye(4)[(p.cumsum(1) < generator.random((points, 1))).sum(1)]
                       for p in map(class_probabilities, self.train)]  # fmt: skip

    def nested(self) -> np.ndarray:
        """Return excesses (up, trials, down), the kernel evaluated once a sample."""
        found = nested_ssl(
            [self.views[::2], self.views[1::2]], self.up, kernel=self.kernel, ridge=self.code / 2,
            n_components=K, statistic="V",
        )  # fmt: skip
        gram = self.kernel(self.test, self.views)
        train = [self.kernel(x, self.views) for x in self.train]
        return np.array([
            [self.excess(features(x), test, y) for x, y in zip(train, self.labels, strict=True)]
            for features in found for test in [features(gram)]
        ])  # fmt: skip

    def excess(self, train: np.ndarray, test: np.ndarray, y: np.ndarray) -> np.ndarray:
        return regression_excess(test @ nested_probes(train, y, self.down), self.truth)

    def one_by_one(self) -> np.ndarray:
        """Return the same by the steps of the paper's scripts."""
        gram, test = (self.kernel(x, self.views) for x in (self.views, self.test))
        return np.array([self._size(2 * size, gram, test) for size in self.up])

    def _size(self, n: int, gram: np.ndarray, test: np.ndarray) -> list[list[float]]:
        weights = official(gram[:n, :n], self.code)
        found = []
        for x, y in zip(self.train, self.labels, strict=True):
            train = self.kernel(x, self.views[:n]) @ weights
            fits = [np.linalg.solve(f.T @ f, f.T @ y[:m]) for m in self.down for f in [train[:m]]]
            errors = [((test[:, :n] @ weights @ w - self.truth) ** 2).sum(1).mean() for w in fits]
            found.append(errors)
        return found


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
    inverse, n = pinvh(gram, atol=2e-5 / len(gram)), len(gram)
    pairs = np.kron(np.eye(n // 2), np.ones((2, 2)))
    return inverse @ eigh(pairs - code * inverse, subset_by_index=[n - K, n - 1])[1]


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
    """Return what a run returns, its processor time, and the megabytes that numpy held at most.

    Tracing slows many small arrays down, so the memory is that of a run before.
    """
    import tracemalloc

    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    start = time.process_time()
    found = run()
    return found, time.process_time() - start, round(peak / 1e6)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--landmarks", type=int, default=1000)
    parser.add_argument("--dense", type=int, default=2000)
    parser.add_argument("--sizes", type=int, default=50)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--graph", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    publish("theory", measure, parser.parse_args())


if __name__ == "__main__":
    main()
