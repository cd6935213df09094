"""Logistic probes at an equal gradient norm, and MLP probes, beside scikit-learn's.

    python -m benchmarks.logistic [--rounds 5] [--cases "digits, 10 classes" ...]

A case is a set of features, classes, a penalty and a tolerance: the largest entry of the gradient
of the penalised mean loss, computed in float64 at the weights that each side returns.
Contestants take turns; CPU time of one thread, the smallest of the rounds, and ``ratio`` to ours.
Many tasks are fitted together by us and one by one by scikit-learn, with each of its solvers. MLP
probes have no common end: both sides take as many steps of Adam on batches of one size, and
``accuracy`` on the training samples says what came out. The table goes to
``OUTPUT/benchmarks/logistic.csv``.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from torch import Tensor
from torch.nn import functional

from benchmarks.tables import parser_of, publish
from ssl_lib.evaluation.ideal import binary_groupings
from ssl_lib.evaluation.logistic import binary_logistic_fit, logistic_fit
from ssl_lib.evaluation.mlp import mlp_probe

STEPS, BATCH, HIDDEN = 200, 128, 128  # of MLP probes


@dataclass(frozen=True)
class Case:
    """Tasks on one set of features; ``labels`` has a row for each."""

    x: Tensor
    labels: Tensor
    penalties: tuple[float, ...]
    tolerance: float
    binary: bool = False
    solvers: tuple[str, ...] = ("lbfgs", "newton-cg")


def drawn(n: int, d: int, classes: int) -> tuple[Tensor, Tensor]:
    """Normal features, and labels drawn from a softmax regression on them."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n, d))
    scores = x @ generator.normal(size=(d, classes)) * (2 / np.sqrt(d))
    labels = (scores + generator.gumbel(size=scores.shape)).argmax(1)
    return torch.from_numpy(x), torch.from_numpy(labels)


def digits() -> tuple[Tensor, Tensor]:
    """Standardised pixels of 1,297 images."""
    x, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:1297]
    x, labels = torch.from_numpy(x[order]), torch.from_numpy(labels[order])
    std = x.std(0, unbiased=False)
    return (x - x.mean(0)) / torch.where(std > 0, std, 1.0), labels


def cases() -> dict[str, Callable[[], Case]]:
    def single(x: Tensor, labels: Tensor, penalty: float, tolerance: float) -> Case:
        return Case(x, labels[None], (penalty,), tolerance)

    def scaled() -> Case:
        x, labels = drawn(1500, 64, 10)
        return single(x * torch.logspace(0, -2, 64, dtype=x.dtype), labels, 0.1, 1e-8)

    def binary() -> Case:
        x, labels = digits()
        sides = binary_groupings(10, 16)[:, labels].long()
        solvers = ("lbfgs", "newton-cg", "newton-cholesky")
        return Case(x, sides, (1e-3,) * 16, 1e-8, binary=True, solvers=solvers)

    def penalties() -> Case:
        x, labels = digits()
        values = tuple(np.logspace(-2, 2, 9).tolist())
        return Case(x, labels.expand(9, -1), values, 1e-8)

    def labellings() -> Case:
        x, labels = digits()
        # Half of the images of a class, by one pixel, go to another class.
        moved = [(labels + shift * (x[:, 26 + shift] > 0)) % 10 for shift in range(1, 5)]
        return Case(x, torch.stack([labels, *moved]), (1.0,) * 5, 1e-8)

    return {
        "10,000 x 256, 100 classes": lambda: single(*drawn(10_000, 256, 100), 1.0, 1e-6),
        "digits, 10 classes": lambda: single(*digits(), 1.0, 1e-6),
        "5,000 x 512, 10 classes": lambda: single(*drawn(5000, 512, 10), 1.0, 1e-8),
        "1,500 x 64 scaled to 1e-2": scaled,
        "digits, 16 binary tasks": binary,
        "digits, 9 penalties": penalties,
        "digits, 5 labellings": labellings,
    }


Weights = list[tuple[Tensor, Tensor]]  # (c, d) and (c,), of each task


def ours(case: Case) -> Weights:
    if case.binary:
        fit = binary_logistic_fit(
            case.x, case.labels.T, penalty=case.penalties[0], tolerance=case.tolerance
        )
        return list(zip(fit.weight.T[:, None], fit.bias[:, None], strict=True))
    fit = logistic_fit(case.x, case.labels, penalty=case.penalties, tolerance=case.tolerance)
    return list(zip(fit.weight.mT, fit.bias, strict=True))


def theirs(case: Case, solver: str) -> Weights:
    found = []
    for labels, penalty in zip(case.labels, case.penalties, strict=True):
        peer = LogisticRegression(
            C=1 / penalty, tol=case.tolerance, max_iter=20_000, solver=solver
        ).fit(case.x.numpy(), labels.numpy())
        found.append((torch.from_numpy(peer.coef_), torch.from_numpy(peer.intercept_)))
    return found


def gradient(case: Case, found: Weights) -> float:
    """Return the largest entry over tasks of the penalised mean loss's gradient."""
    largest = 0.0
    for labels, penalty, (weight, bias) in zip(case.labels, case.penalties, found, strict=True):
        scores = case.x @ weight.T + bias
        if case.binary:
            left = scores.sigmoid() - labels[:, None]
        else:
            left = scores.softmax(1) - functional.one_hot(labels, len(weight))
        left = left / len(case.x)
        slope = left.T @ case.x + penalty / len(case.x) * weight
        largest = max(largest, float(slope.abs().max()), float(left.sum(0).abs().max()))
    return largest


def race(runs: Mapping[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, float], dict]:
    """Return the smallest CPU time of each contestant, and what it found."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    found = {}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.process_time()
            found[name] = run()
            times[name].append(time.process_time() - start)
    return {name: min(spent) for name, spent in times.items()}, found


def table(name: str, times: Mapping[str, float], **columns: Mapping[str, float]) -> pd.DataFrame:
    first = next(iter(times.values()))
    rows = [
        {"case": name, "side": side, "seconds": round(spent, 4), "ratio": round(spent / first, 2)}
        | {column: values[side] for column, values in columns.items()}
        for side, spent in times.items()
    ]
    return pd.DataFrame(rows)


def logistic(name: str, case: Case, rounds: int) -> pd.DataFrame:
    runs: dict[str, Callable[[], Weights]] = {"ssl_lib": lambda: ours(case)}
    for solver in case.solvers:
        runs[f"scikit-learn, {solver}"] = lambda solver=solver: theirs(case, solver)  # type: ignore[misc]
    times, found = race(runs, rounds)
    return table(name, times, gradient={side: gradient(case, w) for side, w in found.items()})


def perceptrons(name: str, tasks: Tensor, rounds: int) -> pd.DataFrame:
    x = digits()[0].float()
    epochs = round(STEPS / (len(x) / BATCH))

    def peer() -> float:
        fits = [
            MLPClassifier(
                (HIDDEN,), alpha=0.0, batch_size=BATCH, learning_rate_init=1e-2, max_iter=epochs,
                n_iter_no_change=epochs, random_state=0,
            ).fit(x.numpy(), row.numpy())
            for row in tasks
        ]  # fmt: skip
        scores = [fit.score(x.numpy(), row.numpy()) for fit, row in zip(fits, tasks, strict=True)]
        return float(np.mean(scores))

    def stack() -> float:
        fit = mlp_probe(x, tasks, x, tasks, hidden=HIDDEN, steps=STEPS, batch_size=BATCH)
        return float(fit.train_accuracy.mean())

    times, found = race({"ssl_lib": stack, "scikit-learn, Adam": peer}, rounds)
    return table(name, times, accuracy=found)


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    labels = digits()[1]
    sides = binary_groupings(10, 16)[:, labels].long()
    with threadpoolctl.threadpool_limits(1):
        parts = [logistic(name, cases()[name](), config["rounds"]) for name in config["cases"]]
        parts.append(perceptrons("digits, MLP, 10 classes", labels[None], config["rounds"]))
        parts.append(perceptrons("digits, MLP, 16 binary tasks", sides, config["rounds"]))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=list(cases()), choices=list(cases()))
    publish("logistic", measure, parser.parse_args())


if __name__ == "__main__":
    main()
