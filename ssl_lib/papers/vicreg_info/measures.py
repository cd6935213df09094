"""Tables to numbers, each a small pure function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.vicreg_info.bounds import FEATURES, TERMS
from ssl_lib.papers.vicreg_info.brackets import BOUNDS
from ssl_lib.papers.vicreg_info.ladder import trials
from ssl_lib.papers.vicreg_info.settings import LADDER, SETTINGS
from ssl_lib.randomness import torch_generator

__all__ = [
    "above", "above_entropy", "accuracies", "at_end", "by_tuning", "changes", "curve",
    "expansion", "gain_by_tuning", "identified", "leads", "left_at", "looks", "mean", "moon_ends",
    "outliving", "over_seeds", "passing_from", "passing_until", "rises", "room", "rungs", "share",
    "shares", "slope", "small_batches", "tau", "tightest", "training", "tuned_best", "violations",
    "wide", "winners",
]  # fmt: skip

#: What a share may lie below that of normal numbers and still count as normal.
LESS = 0.02


def mean(values: npt.ArrayLike, note: str = "") -> Estimate:
    """Return the mean over seeds with its 95 % interval.

    Examples
    --------
    >>> print(mean([1.0, 2.0, 3.0]))
    2 (−0.4841 to 4.484, n = 3)
    """
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    if len(array) < 2:
        return Estimate(float(array.mean()) if len(array) else np.nan, n=len(array), note=note)
    centre, low, high = (float(part) for part in mean_interval(array))
    return Estimate(centre, low, high, n=len(array), note=note)


def share(hits: int, of: int) -> Estimate:
    """Return a share of networks with its exact 95 % interval (Clopper and Pearson).

    Examples
    --------
    >>> print(share(20, 20))
    1 (0.8316 to 1, n = 20)
    """
    from scipy.stats import binomtest

    ends = binomtest(hits, of).proportion_ci(method="exact")
    return Estimate(hits / of, float(ends.low), float(ends.high), n=of)


def over_seeds(table: pd.DataFrame, by: Sequence[str], value: str = "value") -> pd.DataFrame:
    """Return mean, low and high (95 % interval) of a column over the seeds.

    Examples
    --------
    >>> rows = pd.DataFrame({"seed": [0, 1, 2], "x": "a", "value": [1.0, 2.0, 3.0]})
    >>> over_seeds(rows, ["x"]).round(2).to_dict("records")
    [{'x': 'a', 'mean': 2.0, 'low': -0.48, 'high': 4.48}]
    """
    found = table.groupby(list(by), sort=False)[value].apply(list).reset_index()
    parts = [mean_interval(values) for values in found[value]]
    ends = pd.DataFrame(parts, columns=["mean", "low", "high"]).astype(float)
    return pd.concat([found[list(by)], ends], axis=1)


def wide(table: pd.DataFrame, column: str, measure: str = "accuracy") -> pd.DataFrame:
    """Return one measure: rows seeds, columns what `column` holds; accuracies in percent.

    Examples
    --------
    >>> rows = pd.DataFrame({"seed": [0, 0], "loss": ["a", "b"], "measure": "accuracy",
    ...                      "value": [0.5, 0.75]})
    >>> wide(rows, "loss").loc[0].to_dict()
    {'a': 50.0, 'b': 75.0}
    """
    part = table[table.measure == measure]
    factor = 100 if measure in ("accuracy", "kNN") else 1
    return factor * part.pivot(index="seed", columns=column, values="value")


def training(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return what was looked at along training: columns seed, loss, step, measure, value."""
    part = encoders[encoders.part == "training"].rename(columns={"at": "step"})
    return part[["seed", "loss", "step", "measure", "value"]].reset_index(drop=True)


def at_end(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of each loss in percent: rows seeds, columns losses."""
    return wide(encoders[encoders.part == "end"], "loss")


def accuracies(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return by loss accuracy in percent, RankMe and spread of embeddings, means over seeds."""
    part, names = encoders[encoders.part == "end"], ("accuracy", "rankme", "std")
    return pd.DataFrame({name: wide(part, "loss", name).mean() for name in names})


def rungs(encoders: pd.DataFrame, ladder: pd.DataFrame) -> pd.DataFrame:
    """Join rungs at their defaults and as tuned: columns seed, rung, setting, measure, value."""
    usual = encoders[(encoders.part == "end") & encoders.loss.isin(list(LADDER))]
    usual = usual.rename(columns={"loss": "rung"}).assign(setting=SETTINGS[0])
    both = pd.concat([usual, ladder.assign(setting=SETTINGS[1])], ignore_index=True)
    return both[["seed", "rung", "setting", "measure", "value"]]


# The ladder


def above(ladder: pd.DataFrame, setting: str, base: str = "vicreg") -> pd.DataFrame:
    """Return how far rungs lie above another one, in points: rows seeds, columns rungs."""
    found = wide(ladder[ladder.setting == setting], "rung")
    return found.sub(found[base], axis=0).drop(columns=base)


def gain_by_tuning(ladder: pd.DataFrame, rungs: Sequence[str]) -> pd.Series:
    """Return by seed the mean gain over VICReg at defaults less that at tuned settings."""
    usual, tuned = (above(ladder, name)[list(rungs)].mean(axis=1) for name in SETTINGS)
    return usual - tuned


def leads(found: Estimate) -> str:
    """Say how far a loss lies above another, in points.

    Examples
    --------
    >>> leads(Estimate(0.5, 0.1, 0.9, n=3)), leads(Estimate(-0.5, -1.1, 0.1, n=3))
    ('+0.5 (+0.1 to +0.9, a gain)', '-0.5 (-1.1 to +0.1, level)')
    """
    low, high = found.bounds
    what = "level" if low <= 0 <= high else "a gain" if low > 0 else "a loss"
    return f"{found.value:+.1f} ({low:+.1f} to {high:+.1f}, {what})"


def by_tuning(before: float, after: float) -> str:
    """Say what of a gain at default settings is lost where all are tuned.

    Examples
    --------
    >>> by_tuning(2.0, 0.5), by_tuning(2.0, 2.5), by_tuning(-1.0, 1.0)
    ('75% of the gain was tuning', 'none of it was tuning', 'no gain to explain')
    """
    if before <= 0:
        return "no gain to explain"
    if after >= before:
        return "none of it was tuning"
    if after <= 0:
        return "all of it was tuning"
    return f"{1 - after / before:.0%} of the gain was tuning"


def tuned_best(tuning: pd.DataFrame) -> pd.DataFrame:
    """Return mean accuracy in percent by trial, best first within a rung.

    Returns
    -------
    pandas.DataFrame
        Columns rung, trial, accuracy.
    """
    part = tuning[tuning.measure == "accuracy"]
    found = 100 * part.groupby(["rung", "trial"], sort=False).value.mean().rename("accuracy")
    return found.reset_index().sort_values(["rung", "accuracy", "trial"],
                                           ascending=[True, False, True])  # fmt: skip


def winners(tuning: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return by rung the options of the trial with the best mean accuracy, the first of equals."""
    best = tuned_best(tuning).groupby("rung").trial.first()
    return {
        name: trials(rung, int(best[name]) + 1)[int(best[name])]
        for name, rung in LADDER.items() if name in best
    }  # fmt: skip


def small_batches(batches: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy with the smallest batch less that with the largest, in points, by rung."""
    part = batches[batches.measure == "accuracy"]
    wide = 100 * part.pivot(index=["seed", "rung"], columns="batch", values="value")
    lost: pd.Series = wide[wide.columns.min()] - wide[wide.columns.max()]
    return lost.unstack()


# Normality


def shares(noise: pd.DataFrame, part: str = "embedding", measure: str = "share") -> pd.DataFrame:
    """Return a measure by noise: columns seed, loss, at, value."""
    found = noise[(noise.part == part) & (noise.measure == measure)]
    return found[["seed", "loss", "at", "value"]].reset_index(drop=True)


def curve(noise: pd.DataFrame, loss: str, part: str, measure: str) -> pd.Series:
    """Return a loss's measure by noise, mean over seeds."""
    found = shares(noise, part, measure)
    return found[found.loss == loss].groupby("at").value.mean()


def left_at(values: pd.Series, level: float) -> float:
    """Return where a falling curve first passes a level, its logarithm interpolated.

    Infinite where it does not, and the first place where it starts below.

    Examples
    --------
    >>> round(left_at(pd.Series({0.01: 1.0, 0.1: 0.8, 1.0: 0.4}), 0.6), 6)
    0.316228
    """
    below = np.flatnonzero(values.to_numpy() < level)
    if not len(below):
        return float("inf")
    if below[0] == 0:
        return float(values.index[0])
    (x0, y0), (x1, y1) = (list(values.items())[below[0] + step] for step in (-1, 0))
    share = (y0 - level) / (y0 - y1)
    return float(np.exp(np.log(x0) + share * (np.log(x1) - np.log(x0))))


def passing_until(noise: pd.DataFrame, loss: str = "vicreg") -> float:
    """Return the largest noise at which outputs pass about as often as normal numbers."""
    values, control = curve(noise, loss, "embedding", "share"), _control(noise)
    passed = (values >= control - LESS).cummin()
    return float(values.index[passed].max()) if passed.any() else float("nan")


def passing_from(noise: pd.DataFrame) -> pd.DataFrame:
    """Return the least noise at which a network's outputs pass about as often as normal numbers.

    Infinite where there is none: rows seeds, columns losses.
    """
    passed = shares(noise)
    passed = passed.assign(at=passed["at"].where(passed.value >= _control(noise) - LESS, np.inf))
    return passed.groupby(["seed", "loss"])["at"].min().unstack()


def _control(noise: pd.DataFrame) -> float:
    return float(noise[noise.part == "control"].value.mean())


def outliving(noise: pd.DataFrame, loss: str = "vicreg") -> float:
    """Return the noise at which normality ends over that at which half of the copies have left."""
    control = _control(noise)
    ends = left_at(curve(noise, loss, "embedding", "share"), control - 0.05)
    return ends / left_at(curve(noise, loss, "network", "same region"), 0.5)


# Entropies along training


def changes(training: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the last value of a measure less the first: rows seeds, columns losses."""
    part = training[training.measure == measure].sort_values("step")
    ends = part.groupby(["seed", "loss"]).value
    return (ends.last() - ends.first()).unstack()


def looks(training: pd.DataFrame) -> pd.DataFrame:
    """Return a row a look: columns seed, loss, step and the measures of the bracket."""
    part = training[training.measure.isin((*BOUNDS, "error", "variance"))]
    wide = part.pivot(index=["seed", "loss", "step"], columns="measure", values="value")
    return wide.reset_index()


def violations(training: pd.DataFrame) -> int:
    """Count looks at which an order that always holds fails by more than four standard errors."""
    found = looks(training)
    slack = 4 * found.error + 1e-9 * found.gaussian.abs()
    wrong = (
        (found.bhattacharyya > found.monte_carlo + slack)
        | (found.monte_carlo > found.kl + slack)
        | (found.monte_carlo > found.gaussian + slack)
        | (found.gaussian > found.hadamard + slack)
    )
    return int(wrong.sum())


def tightest(training: pd.DataFrame) -> pd.DataFrame:
    """Return the share of looks at which KL is at most the Gaussian: rows seeds, columns losses."""
    found = looks(training)
    found["holds"] = (found.kl <= found.gaussian).astype(float)
    return found.groupby(["seed", "loss"]).holds.mean().unstack()


def room(training: pd.DataFrame) -> float:
    """Return the least that the Gaussian bound lies above KL at a look, in nats."""
    found = looks(training)
    return float((found.gaussian - found.kl).min())


def rises(training: pd.DataFrame) -> pd.DataFrame:
    """Return the steps between successive looks whose Gaussian bound rose.

    Returns
    -------
    pandas.DataFrame
        Columns loss, seed, step, gaussian, monte_carlo (changes in nats) and falls: whether the
        entropy fell, by more than four standard errors.

    Examples
    --------
    >>> rows = [(0, "a", step, name, value)
    ...         for step, values in enumerate([(1, 1, 0), (2, 0, 0), (3, 1, 0), (2, 0, 0)])
    ...         for name, value in zip(("gaussian", "monte_carlo", "error"), values)]
    >>> table = pd.DataFrame(rows, columns=["seed", "loss", "step", "measure", "value"])
    >>> rises(table).falls.to_list()
    [True, False]
    """
    part = training[training.measure.isin(("gaussian", "monte_carlo", "error"))]
    wide = part.pivot(index=["loss", "seed", "step"], columns="measure", values="value")
    runs = wide.groupby(["loss", "seed"])
    step = runs[["gaussian", "monte_carlo"]].diff()
    error = np.hypot(wide.error, runs.error.shift())
    step["falls"] = step.monte_carlo < -4 * error
    return step[step.gaussian > 0].reset_index()


def identified(training: pd.DataFrame, dimensions: int) -> pd.Series:
    """Return by loss what an embedding tells of its image at the end, in nats, mean over seeds.

    The mixture's entropy less that of one component; at most the logarithm of how many images.
    """
    found = looks(training)
    last = found[found.step == found.step.max()]
    component = dimensions / 2 * np.log(2 * np.pi * np.e * last.variance)
    told: pd.Series = (last.monte_carlo - component).groupby(last.loss).mean()
    return told


def above_entropy(training: pd.DataFrame, dimensions: int) -> pd.DataFrame:
    """Return bounds less the Monte Carlo entropy, in nats a dimension.

    Returns
    -------
    pandas.DataFrame
        Columns seed, loss, step, measure (of ``BOUNDS``, without Monte Carlo), value.
    """
    found = looks(training)
    parts = [
        found[["seed", "loss", "step"]].assign(
            measure=name, value=(found[name] - found.monte_carlo) / dimensions
        )
        for name in BOUNDS if name != "monte_carlo"
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


# The bound, and the second-order term


def tau(bounds: pd.DataFrame, features: str = FEATURES[0]) -> pd.DataFrame:
    """Return Kendall's tau of each term with the test loss over the sweep: rows seeds."""
    part = bounds[bounds.features == features]
    found = {}
    for seed, rows in part.groupby("seed"):
        table = rows.pivot(index="weight", columns="measure", values="value")
        found[seed] = {name: table[name].corr(table.loss, method="kendall") for name in TERMS}
    return pd.DataFrame(found).T


def expansion(*, draws: int = 100, dimensions: int = 8, seed: int = 0) -> pd.DataFrame:
    """Compare half a log-determinant with its second-order term, at random correlations.

    Returns
    -------
    pandas.DataFrame
        Columns size (norm of the off-diagonal part) and error (root mean square over draws).

    Examples
    --------
    >>> found = expansion()
    >>> bool((found.error < found["size"] ** 3).all())
    True
    """
    generator = torch_generator(seed, "vicreg_info", "expansion")
    drawn = torch.randn(draws, dimensions, dimensions, generator=generator, dtype=torch.float64)
    shapes = (drawn + drawn.mT) * (1 - torch.eye(dimensions))
    shapes = shapes / torch.linalg.matrix_norm(shapes)[:, None, None]
    sizes = torch.logspace(-2.5, -0.5, 6, dtype=torch.float64)
    errors = []
    for size in sizes:
        exact = torch.linalg.slogdet(torch.eye(dimensions) + size * shapes)[1] / 2
        errors.append(float((exact + size**2 / 4).square().mean().sqrt()))
    return pd.DataFrame({"size": sizes.numpy(), "error": errors})


def slope(found: pd.DataFrame) -> float:
    """Return the slope of the error against the size, in logarithms."""
    return float(np.polyfit(np.log(found["size"]), np.log(found.error), 1)[0])


# Moons


def moon_ends(moons: pd.DataFrame) -> pd.DataFrame:
    """Return the entropy of the centres at the end: rows seeds, columns regimes, and the start."""
    ordered = moons.sort_values("step")
    ends = ordered.groupby(["seed", "regime"]).entropy.last().unstack()
    return ends.assign(start=ordered.groupby("seed").entropy.first())
