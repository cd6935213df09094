"""Means over training sets with their intervals; percent and points."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.fair_ensemble.recipes import CLEAN, STRONG_NOISE, severity
from ssl_lib.papers.fair_ensemble.settings import EVERYTHING

__all__ = [
    "GROUPS", "PROTOCOLS", "aggregates", "another_member", "apart", "classes", "corruption",
    "corruption_curves", "curves", "disagreement", "imbalance", "interval", "side_by_side",
    "sources", "stacked", "strong_noise",
]  # fmt: skip

GROUPS = ("all", "top", "bottom")
PROTOCOLS = ("paper", "unbiased")


def interval(
    table: pd.DataFrame, measure: str, by: Sequence[str] = ("protocol", "group", "members")
) -> pd.DataFrame:
    """Return a measure's mean over training sets with its 95 % interval.

    Several training sets, each with test images and members of its own, give a t interval. A single
    one has that of its test images, which says nothing about other training sets.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns seed, those of `by`, measure, value.
    measure : str
    by : sequence of str
        The columns that name a number.

    Returns
    -------
    pandas.DataFrame
        Columns of `by`, then value, low, high; NaN where an end is not known.

    Examples
    --------
    >>> rows = [(0, "top", "gain", 2.0), (1, "top", "gain", 4.0), (2, "top", "gain", 6.0)]
    >>> table = pd.DataFrame(rows, columns=["seed", "group", "measure", "value"])
    >>> interval(table, "gain", ["group"]).round(2).values.tolist()
    [['top', 4.0, -0.97, 8.97]]
    """
    grid = _grid(table, measure, by)
    value, low, high = mean_interval(grid.to_numpy().T)
    if grid.shape[1] == 1:
        ends = (_grid(table, f"{measure} {end}", by) for end in ("low", "high"))
        low, high = (end.reindex(grid.index).mean(axis=1).to_numpy() for end in ends)
    return grid.index.to_frame(index=False).assign(value=value, low=low, high=high)


def _grid(table: pd.DataFrame, measure: str, by: Sequence[str]) -> pd.DataFrame:
    """Return a measure, (numbers, training sets), with numbers in the order of the table."""
    own = table[table.measure == measure].set_index(list(by))
    order = own.index.drop_duplicates()
    return own.pivot(columns="seed", values="value").reindex(order)


def _ends(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the mean accuracy of one member and of all, "one" and "ensemble"."""
    accuracy = interval(table, "accuracy", [*by, "members"]).sort_values("members")
    found = accuracy.groupby(list(by), sort=False).value.agg(one="first", ensemble="last")
    order = table[list(by)].drop_duplicates()
    return order.merge(found.reset_index(), on=list(by))


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy and gain by protocol, group and ensemble size (Figures 1 to 3).

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run.

    Returns
    -------
    pandas.DataFrame
        Columns protocol, group, members, and accuracy, gain, relative with their ends (gain_low,
        gain_high, ...).
    """
    own = table[table.protocol.isin(PROTOCOLS)]
    keys = ["protocol", "group", "members"]
    found = own[keys].drop_duplicates()
    for name in ("accuracy", "gain", "relative"):
        names = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
        found = found.merge(interval(own, name).rename(columns=names), on=keys)
    order = {group: place for place, group in enumerate(GROUPS)}
    return found.sort_values(
        keys, key=lambda column: column.map(order) if column.name == "group" else column
    ).reset_index(drop=True)


def side_by_side(found: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of :func:`curves`, one row a size, a column a protocol and group."""
    wide = found.pivot(index="members", columns=["protocol", "group"], values="accuracy")
    wide = wide[[(protocol, group) for protocol in PROTOCOLS for group in GROUPS]]
    wide.columns = [f"{protocol}: {group}, %" for protocol in PROTOCOLS for group in GROUPS]
    return wide.reset_index().rename_axis(columns=None)


#: What an ensemble averages -> its measure.
_AVERAGED = {
    "one member": "accuracy", "probabilities": "accuracy by prob", "logits": "accuracy by logit",
    "votes": "accuracy by vote",
}  # fmt: skip


def stacked(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the same of several data sets below each other, with a column data.

    Examples
    --------
    >>> stacked({"digits": pd.DataFrame({"gain": [3.0]})}).values.tolist()
    [[3.0, 'digits']]
    """
    return pd.concat([part.assign(data=name) for name, part in parts.items()], ignore_index=True)


def aggregates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of all members by what is averaged, and that of one member.

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run; groups of the unbiased protocol.

    Returns
    -------
    pandas.DataFrame
        Columns averaged, all, top, bottom; a row less where a table lacks its numbers.
    """
    own = table[(table.protocol == "unbiased")]
    rows = []
    for title, measure in _AVERAGED.items():
        if measure in set(own.measure):
            found = interval(own, measure).groupby("group", sort=False).value.first()
            rows.append({"averaged": title, **found})
    return pd.DataFrame(rows)


def disagreement(table: pd.DataFrame) -> pd.DataFrame:
    """Return the gain of the vote and its two bounds by group (section 4.1).

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run; groups of the unbiased protocol.

    Returns
    -------
    pandas.DataFrame
        Columns measure ("gain of the vote", "room", "churn"), group, value, low, high.
    """
    own = table[table.protocol == "unbiased"]
    parts = [
        interval(own, name, ["group"]).assign(measure=name)
        for name in ("gain of the vote", "room", "churn")
    ]
    return pd.concat(parts, ignore_index=True)[["measure", "group", "value", "low", "high"]]


def classes(table: pd.DataFrame) -> pd.DataFrame:
    """Return churn, room and gain of the vote of every class of every training set.

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run.

    Returns
    -------
    pandas.DataFrame
        Columns seed, label, member (accuracy of one), churn, room, gain.
    """
    own = table[table.protocol == "class"]
    wide = own.pivot(index=["seed", "group"], columns="measure", values="value").reset_index()
    names = {"group": "label", "accuracy": "member", "gain of the vote": "gain"}
    wide = wide.rename(columns=names).rename_axis(columns=None)
    wide["label"] = wide.label.astype(int)
    columns = ["seed", "label", "member", "churn", "room", "gain"]
    return wide.sort_values(["seed", "label"], ignore_index=True)[columns]


def another_member(table: pd.DataFrame) -> pd.Series | None:
    """Return what another single member gains on the base model's groups, in points by group.

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run.

    Returns
    -------
    pandas.Series or None
        Means over training sets; None where a table is older than this measure.
    """
    if "gain of another member" not in set(table.measure):
        return None
    return interval(table, "gain of another member").set_index("group").value


def sources(table: pd.DataFrame, everything: pd.DataFrame) -> pd.DataFrame:
    """Return the gain and the churn of ensembles that differ in some sources of randomness.

    Parameters
    ----------
    table : pandas.DataFrame
        "sources" of a run.
    everything : pandas.DataFrame
        "curves" of the run, where everything varies, for tables without that arm; its other
        training sets are left out.

    Returns
    -------
    pandas.DataFrame
        Columns varied, group, member, ensemble (accuracy), gain, gain_low, gain_high, churn,
        largest_spread (of a logit between two members), training_sets.
    """
    both, by = table, ["varied", "group"]
    if EVERYTHING.name not in set(table.varied):
        whole = everything[everything.seed.isin(table.seed)].assign(varied=EVERYTHING.name)
        both = pd.concat([table, whole], ignore_index=True)
    both = both[both.protocol == "unbiased"]
    found = _ends(both, by).rename(columns={"one": "member"})
    found = found.merge(_gain(both, by), on=by)
    churn = interval(both, "churn", by)[[*by, "value"]].rename(columns={"value": "churn"})
    spread = both[both.measure == "logit difference"].groupby("varied").value.max()
    return found.merge(churn, on=by).assign(
        largest_spread=found.varied.map(spread), training_sets=table.seed.nunique()
    )


def _gain(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the gain of all members over one with its interval."""
    last = table[table.members == table.groupby(list(by)).members.transform("max")]
    names = {"value": "gain", "low": "gain_low", "high": "gain_high"}
    return interval(last, "gain", by).rename(columns=names)


def corruption(table: pd.DataFrame) -> pd.DataFrame:
    """Return the gain at each severity of each corruption; severity 0 is clean.

    Parameters
    ----------
    table : pandas.DataFrame
        "corruption" of a run.

    Returns
    -------
    pandas.DataFrame
        Columns corruption, strength, group, one, ensemble, gain, relative, severity; means over
        training sets, groups chosen on clean images.
    """
    found = _by_copy(table)
    return found[(found.severity > 0) | (found.corruption == CLEAN)].reset_index(drop=True)


def strong_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Return the same for Gaussian noise far beyond CIFAR-C's, by standard deviation."""
    found = _by_copy(table)
    strong = (found.corruption == "gaussian noise") & found.strength.isin(STRONG_NOISE)
    return found[strong | (found.corruption == CLEAN)].reset_index(drop=True)


def _by_copy(table: pd.DataFrame) -> pd.DataFrame:
    unbiased = table[table.protocol == "unbiased"]
    found = _ends(unbiased, ["corruption", "strength", "group"])
    gain = found.ensemble - found.one
    levels = [severity(*copy) for copy in zip(found.corruption, found.strength, strict=True)]
    return found.assign(gain=gain, relative=100 * gain / found.one, severity=levels)


def corruption_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return the gain by size at each severity, averaged over corruptions.

    Parameters
    ----------
    table : pandas.DataFrame
        "corruption" of a run.

    Returns
    -------
    pandas.DataFrame
        Columns severity, group, members, gain (points); severity 0 is clean.
    """
    by = ["corruption", "strength", "group", "members"]
    found = interval(table[table.protocol == "unbiased"], "accuracy", by)
    one = found.groupby(by[:-1]).value.transform("first")
    levels = [severity(*copy) for copy in zip(found.corruption, found.strength, strict=True)]
    found = found.assign(severity=levels, gain=found.value - one)
    found = found[(found.severity > 0) | (found.corruption == CLEAN)]
    return found.groupby(["severity", "group", "members"]).gain.mean().reset_index()


def imbalance(table: pd.DataFrame) -> pd.DataFrame:
    """Return what an ensemble does for a constructed minority.

    Parameters
    ----------
    table : pandas.DataFrame
        "imbalance" of a run.

    Returns
    -------
    pandas.DataFrame
        Columns images (majority/minority in a class), share, group, one, ensemble, gain, gain_low,
        gain_high, relative, churn, training_sets.
    """
    own, by = table[table.protocol == "minority"], ["majority", "minority", "group"]
    found = _ends(own, by).merge(_gain(own, by), on=by)
    churn = interval(own, "churn", by)[[*by, "value"]].rename(columns={"value": "churn"})
    found = found.merge(churn, on=by)
    counts = zip(found.majority, found.minority, strict=True)
    return found.assign(
        images=[f"{majority}/{minority}" for majority, minority in counts],
        share=found.minority / found.majority,
        relative=100 * (found.ensemble / found.one.where(found.one > 0) - 1),
        training_sets=table.seed.nunique(),
    ).drop(columns=["majority", "minority"])


def apart(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far the runs of each arm are apart by epoch, as the authors' code has it.

    Parameters
    ----------
    table : pandas.DataFrame
        "learning" of a run.

    Returns
    -------
    pandas.DataFrame
        Columns varied, group, difference, difference_sd, variance, variance_sd: mean absolute
        difference of pairs of runs in points, and variance of the runs, at each epoch; mean and
        standard deviation over epochs.

    Examples
    --------
    >>> rows = [("order", repeat, 1, "all", 50.0 + 2 * repeat) for repeat in range(3)]
    >>> table = pd.DataFrame(rows, columns=["varied", "repeat", "epoch", "group", "accuracy"])
    >>> found = apart(table).iloc[0]
    >>> float(found.difference.round(4)), float(found.variance.round(4))
    (2.6667, 2.6667)
    """
    rows = []
    for (arm, group), part in table.groupby(["varied", "group"], sort=False):
        runs = part.pivot(index="repeat", columns="epoch", values="accuracy").to_numpy()
        first, second = np.triu_indices(len(runs), 1)
        pairs, variance = np.abs(runs[first] - runs[second]).mean(axis=0), runs.var(axis=0)
        columns = {"difference": pairs, "variance": variance}
        ends = {name: values.mean() for name, values in columns.items()}
        ends |= {f"{name}_sd": values.std() for name, values in columns.items()}
        rows.append({"varied": arm, "group": group, **ends})
    return pd.DataFrame(rows)
