"""Which setting of a sweep each rule picks, and what that costs, beside the paper's table."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims.resampling import exact_p
from ssl_lib.errors import InputError
from ssl_lib.evaluation.rank import select_by_rank
from ssl_lib.papers.rankme.measures.statistics import by_seed
from ssl_lib.papers.rankme.measures.sweeps import within
from ssl_lib.papers.rankme.settings import TITLES
from ssl_lib.plotting import words

__all__ = [
    "COMPARED",
    "HELD_OUT",
    "PAPER",
    "RULES",
    "gaps",
    "held_out",
    "over_seeds",
    "paper_gaps",
    "pick",
    "selections",
    "side_by_side",
    "summary",
    "verdicts",
]

DIGEST = "digest of the full paper"
TWO = "two digests that agree"

#: The paper's table for representations: ImageNet top-1 after selection, in percent, and where
#: each column was read. We could not read the paper's own table.
PAPER = pd.DataFrame(
    [
        ("VICReg, covariance weight", 68.2, 67.9, 67.8, TWO),
        ("VICReg, invariance weight", 68.2, 67.5, 67.9, TWO),
        ("VICReg, learning rate", 68.6, 59.5, 68.2, DIGEST),
        ("VICReg, weight decay", 68.0, 67.8, 67.8, f"{DIGEST}; RankMe's number may be 0.1 off"),
        ("SimCLR, temperature", 68.5, 63.5, 67.1, TWO),
        ("SimCLR, learning rate", 68.5, 68.1, 68.0, DIGEST),
        ("SimCLR, weight decay", 68.3, 32.3, 68.3, DIGEST),
        ("DINO, teacher temperature", 72.3, 71.7, 72.2, TWO),
        ("DINO, student temperature", 72.4, 66.2, 72.4, TWO),
    ],
    columns=["sweep", "oracle", "alpha-ReQ", "RankMe", "read in"],
)

#: What a labelled validation set would reach.
HELD_OUT = "labels held out"
#: What is set side by side: rules, and the average setting.
COMPARED = ["RankMe", "alpha-ReQ", "labelled oracle", "mean of the sweep"]

Rule = Callable[[pd.DataFrame, float], int]


def _rank_rule(column: str) -> Rule:
    def rule(sweep: pd.DataFrame, tolerance: float) -> int:
        values = sweep[column].to_numpy(float)
        # The plateau is entered from the side where the rank is low.
        prefer = "first" if values[0] <= values[-1] else "last"
        return select_by_rank(values.tolist(), tolerance=tolerance, prefer=prefer)

    return rule


def _largest(column: str) -> Rule:
    return lambda sweep, tolerance: int(np.nanargmax(sweep[column].to_numpy(float)))


#: Name -> which row of a sweep, ordered by its hyper-parameter, the rule picks.
RULES: dict[str, Rule] = {
    "labelled oracle": _largest("accuracy"),
    "RankMe": _rank_rule("rankme"),
    "alpha-ReQ": _largest("alpha score, representation"),
    "alpha-ReQ, embedding": _largest("alpha score, embedding"),
    "LiDAR": _largest("lidar"),
}


def pick(sweep: pd.DataFrame, rule: str, *, tolerance: float = 0.01) -> int:
    """Return the row of a sweep that a rule picks.

    Parameters
    ----------
    sweep : pandas.DataFrame
        The encoders of one sweep and seed, from
        :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`.
    rule : str
        A key of ``RULES``.
    tolerance : float, default=0.01
        Share of the largest RankMe that counts as the same rank.

    Returns
    -------
    int
        Position after sorting by setting.

    Raises
    ------
    InputError
        For an unknown rule.

    Examples
    --------
    >>> sweep = pd.DataFrame({"setting": [1, 2, 3], "rankme": [9.0, 8.99, 4.0]})
    >>> pick(sweep, "RankMe")
    1
    """
    if rule not in RULES:
        raise InputError(f"rule must be one of {', '.join(RULES)}, got {rule!r}.")
    return RULES[rule](sweep.sort_values("setting"), tolerance)


def selections(
    runs: pd.DataFrame, *, tolerance: float = 0.01, outcome: str = "accuracy"
) -> pd.DataFrame:
    """Apply every rule to every sweep and seed.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`.
    tolerance : float, default=0.01
        See :func:`pick`.
    outcome : str, default="accuracy"
        The accuracy that is reported of the pick; the oracle always looks at "accuracy".

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, rule, setting, accuracy. Beside ``RULES``: "labels held out",
        where one half of the test images picks and the other half judges (and the reverse), "mean
        of the sweep" and "worst".
    """
    rows = []
    for (experiment, seed), part in runs.groupby(["experiment", "seed"], sort=False):
        sweep = part.sort_values("setting").reset_index(drop=True)
        for rule in (name for name in RULES if name != "LiDAR" or _has_lidar(sweep)):
            row = sweep.loc[pick(sweep, rule, tolerance=tolerance)]
            rows.append((experiment, seed, rule, row.setting, row[outcome]))
        others = {"mean of the sweep": sweep[outcome].mean(), "worst": sweep[outcome].min()}
        if outcome == "accuracy":
            others[HELD_OUT] = held_out(sweep)
        rows += [(experiment, seed, name, np.nan, value) for name, value in others.items()]
    return pd.DataFrame(rows, columns=["experiment", "seed", "rule", "setting", "accuracy"])


def _has_lidar(sweep: pd.DataFrame) -> bool:
    """Tell whether a table is not older than this measure."""
    return "lidar" in sweep and bool(sweep["lidar"].notna().all())


def held_out(sweep: pd.DataFrame) -> float:
    """Return the accuracy of what labels of one half of the test images pick, on the other half.

    Parameters
    ----------
    sweep : pandas.DataFrame
        The encoders of one sweep and seed.

    Returns
    -------
    float
        Mean of both ways round.
    """
    even, odd = (sweep[f"accuracy, {half}"].to_numpy(float) for half in ("even", "odd"))
    return float((odd[even.argmax()] + even[odd.argmax()]) / 2)


def gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Compute what each rule loses against labels held out, in percentage points.

    The labelled oracle would be judged on the very images that it picks by, which flatters it.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`selections`.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, rule, gap.
    """
    wide = table.pivot(index=["experiment", "seed"], columns="rule", values="accuracy")
    lost = 100 * wide.rsub(wide[HELD_OUT], axis=0).drop(columns=HELD_OUT)
    return lost.reset_index().melt(["experiment", "seed"], var_name="rule", value_name="gap")


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Average the accuracy of each rule's pick over seeds, in percent.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`selections`.

    Returns
    -------
    pandas.DataFrame
        One row a rule, one column an experiment, in the order in which they first appear.
    """
    mean = 100 * table.groupby(["rule", "experiment"], sort=False).accuracy.mean().unstack()
    order = ["labelled oracle", HELD_OUT, *list(RULES)[1:], "mean of the sweep", "worst"]
    rows = [name for name in order if name in mean.index]
    return mean.loc[rows, list(dict.fromkeys(table.experiment))].rename_axis(columns=None)


def side_by_side(table: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Set each seed's correlation and what its selections reach side by side.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`.
    chosen : pandas.DataFrame
        From :func:`selections`.

    Returns
    -------
    pandas.DataFrame
        ``sweep``, ``seed``, ``Kendall`` (RankMe against accuracy) and its exact ``p``, then the
        accuracy in percent of what RankMe, alpha-ReQ and the labelled oracle pick, and the mean of
        the sweep.
    """
    keys = ["experiment", "seed"]
    picked = 100 * chosen.pivot(index=keys, columns="rule", values="accuracy")[COMPARED]
    tau = within(table).rename(columns={"value": "Kendall"})
    ends = by_seed(
        table, lambda sweep: exact_p(sweep.rankme, sweep.accuracy), within=["experiment"]
    )
    tau = tau.merge(ends.rename(columns={"value": "p"}), on=keys)
    both = tau.merge(picked.reset_index(), on=keys)
    sweeps = both.pop("experiment").map(TITLES)
    both.insert(0, "sweep", sweeps)
    return both


def over_seeds(sides: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what :func:`side_by_side` says of several data sets, a row a sweep.

    Parameters
    ----------
    sides : mapping of str to pandas.DataFrame
        By the name of the data set.

    Returns
    -------
    pandas.DataFrame
        ``images``, ``sweep``, ``seeds``; ``Kendall`` and ``p`` as text, the lowest and highest over
        the seeds; means of the accuracies.

    Examples
    --------
    >>> side = pd.DataFrame({"sweep": "temperature", "seed": [0, 1], "Kendall": [0.2, 0.6],
    ...                      "p": [0.1, 0.4], "RankMe": [70.0, 72.0]})
    >>> found = over_seeds({"CIFAR-10": side})
    >>> found.Kendall.tolist(), found.RankMe.tolist()
    (['0.20 to 0.60'], [71.0])
    """
    rows = []
    for (images, sweep), part in pd.concat(sides, names=["images"]).groupby(
        ["images", "sweep"], sort=False
    ):
        ranges = {name: words.spread(part[name], ".2f") for name in ("Kendall", "p")}
        means = part.drop(columns=["sweep", "seed", *ranges]).mean()
        row = {"images": images, "sweep": sweep, "seeds": len(part)}
        rows.append(row | ranges | means.to_dict())
    return pd.DataFrame(rows)


def verdicts(side: pd.DataFrame) -> str:
    """Say for each sweep how well RankMe chose.

    Parameters
    ----------
    side : pandas.DataFrame
        From :func:`side_by_side`.

    Returns
    -------
    str
        Markdown, one paragraph.
    """
    return " ".join(_verdict(str(name), part) for name, part in side.groupby("sweep", sort=False))


def _verdict(name: str, part: pd.DataFrame) -> str:
    lost = part["labelled oracle"] - part["RankMe"]
    above = int((part["RankMe"] > part["mean of the sweep"]).sum())
    return (
        f"*{name}*: Kendall's correlation of RankMe with accuracy is "
        f"{words.spread(part.Kendall, '.2f')} over the seeds; RankMe's pick is "
        f"{words.spread(lost, '.1f')} points behind the oracle's, and better than the average "
        f"setting in {above} of {len(part)} seeds."
    )


def paper_gaps() -> pd.DataFrame:
    """Return what RankMe and alpha-ReQ lose against the oracle in the paper's table.

    Returns
    -------
    pandas.DataFrame
        Columns sweep, rule, gap (percentage points), read in.

    Examples
    --------
    >>> paper_gaps().groupby("rule").gap.mean().round(2).to_dict()
    {'RankMe': 0.37, 'alpha-ReQ': 6.5}
    """
    parts = [
        PAPER[["sweep", "read in"]].assign(rule=rule, gap=PAPER["oracle"] - PAPER[rule])
        for rule in ("RankMe", "alpha-ReQ")
    ]
    return pd.concat(parts, ignore_index=True)[["sweep", "rule", "gap", "read in"]]
