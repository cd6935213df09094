"""Tables to numbers: means over runs and their intervals, label curves, gains, costs."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.issl.probes import RIGHT, unpacked
from ssl_lib.papers.issl.recipes import recipe
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.papers.issl.variants import VARIANTS
from ssl_lib.plotting.words import listed, spread

__all__ = [
    "PROBES", "ahead_of_untrained", "at_dimension", "beside_mlp", "costs", "described", "ends",
    "few_labels", "gained", "gains", "label_columns", "label_curve", "mean_of", "mlp_gap",
    "over_runs", "runs", "set_apart", "shown", "stacked", "top_gains", "trained", "verdicts",
]  # fmt: skip

#: The linear probes' columns, and how readers know them.
PROBES = {"full": "all labels", "few": "few labels", "augmented": "augmented images"}

_COSTS = {
    "parameters": "parameters",
    "seconds": "seconds a run",
    "full": "all labels, %",
    "few": "few labels, %",
    "rankme": "RankMe",
    "effective_dimension": "effective dimension",
}


def trained(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have an encoder: all but raw pixels'."""
    return table[[VARIANTS[name].encodes for name in table.variant]]


def at_dimension(
    dim: int, sweep: pd.DataFrame, variants: Iterable[str], *others: pd.DataFrame
) -> pd.DataFrame:
    """Join tables at one dimension.

    Parameters
    ----------
    dim : int
    sweep : pandas.DataFrame
        The dimension sweep.
    variants : iterable of str
        Which of the sweep's to take, in front.
    *others : pandas.DataFrame
        Taken whole.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> sweep = pd.DataFrame({"variant": ["cissl", "cissl", "dissl"], "dim": [8, 64, 8]})
    >>> at_dimension(8, sweep, ["cissl"], sweep.assign(variant="dino")).variant.tolist()
    ['cissl', 'dino', 'dino']
    """
    parts = [sweep[sweep.variant.isin(list(variants))], *others]
    return pd.concat([part[part.dim == dim] for part in parts], ignore_index=True)


def stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join tables of several data sets, with their names in a first column ``data``."""
    return pd.concat(tables, names=["data"]).reset_index("data").reset_index(drop=True)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return what a page offers of a table: without times, and without a bit for each image."""
    return table.drop(columns=["seconds", *RIGHT], errors="ignore")


def runs(table: pd.DataFrame, column: str, **where: object) -> pd.DataFrame:
    """Return a column of the runs where other columns have these values.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run.
    column : str
        Of numbers; or of accuracies, where the table says which images are right.
    **where : object

    Returns
    -------
    pandas.DataFrame
        A row a seed; a column for each test image where they are known, else one.
    """
    for name, value in where.items():
        table = table[table[name] == value]
    bits = f"{column}_right"
    if bits not in table:
        return table.set_index("seed")[[column]].astype(float)
    return pd.DataFrame([unpacked(text) for text in table[bits]], index=table.seed, dtype=float)


def over_runs(table: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """Return mean, interval and number of runs of each group.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run.
    by : sequence of str
        Columns that name a group.
    column : str
        What to average.

    Returns
    -------
    pandas.DataFrame
        ``by``, ``mean``, ``low``, ``high`` (95 %, Student's t), ``runs``; in the table's order.

    Examples
    --------
    >>> runs = pd.DataFrame({"d": [2, 2, 4, 4], "accuracy": [0.5, 0.7, 0.8, 0.8]})
    >>> over_runs(runs, ["d"], "accuracy")["mean"].tolist()
    [0.6, 0.8]
    """
    rows = []
    for key, part in table.groupby(list(by), sort=False):
        rows.append((*key, *map(float, mean_interval(part[column])), len(part)))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "runs"])


def mean_of(table: pd.DataFrame, column: str, *by: str, percent: bool = True) -> pd.Series:
    """Return a column's mean over runs, in percent, by columns; variants by their titles.

    Examples
    --------
    >>> runs = pd.DataFrame({"variant": ["cissl", "cissl"], "full": [0.4, 0.5]})
    >>> float(mean_of(runs, "full", "variant")["CISSL"].round(6))
    45.0
    """
    if "variant" in by:
        table = table.assign(variant=[VARIANTS[name].title for name in table.variant])
    return (100 if percent else 1) * table.groupby([*by], sort=False)[column].mean()


def beside_mlp(sweep: pd.DataFrame, mlp: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of CISSL's runs by linear probes and, with MLP heads, by MLP probes.

    Parameters
    ----------
    sweep, mlp : pandas.DataFrame
        The tables ``dimensions`` and ``mlp-heads``.

    Returns
    -------
    pandas.DataFrame
        ``dim``, ``seed``, ``full``, and ``mlp`` where it was trained.
    """
    linear = sweep[sweep.variant == "cissl"][["dim", "seed", "full"]]
    return linear.merge(mlp[["dim", "seed", "mlp"]], how="left")


def mlp_gap(sweep: pd.DataFrame, mlp: pd.DataFrame) -> pd.Series:
    """Return how many points MLP heads and probes are ahead of linear ones, by dimension.

    Examples
    --------
    >>> sweep = pd.DataFrame({"variant": "cissl", "seed": 0, "dim": [8, 64], "full": [0.7, 0.9]})
    >>> mlp = pd.DataFrame({"seed": [0], "dim": [8], "mlp": [0.75]})
    >>> mlp_gap(sweep, mlp).round(6).to_dict()
    {'d = 8:': 5.0}
    """
    means = 100 * beside_mlp(sweep, mlp).groupby("dim")[["mlp", "full"]].mean()
    return (means.mlp - means.full).dropna().rename("d = {}:".format)


def set_apart(score: pd.Series) -> str:
    """Say how far DISSL is ahead of others, and CISSL of SimCLR.

    Parameters
    ----------
    score : pandas.Series
        From :func:`mean_of`, by variant.

    Examples
    --------
    >>> names = ["DISSL", "DINO", "SwAV", "random encoder", "CISSL", "SimCLR"]
    >>> set_apart(pd.Series([50.0, 48.0, 51.0, 40.0, 52.0, 51.5], index=names))
    'DISSL less DINO +2.0, SwAV −1.0, random encoder +10.0; CISSL less SimCLR +0.5'
    """
    ahead = {name: score["DISSL"] - score[name] for name in ("DINO", "SwAV", "random encoder")}
    simclr = {"SimCLR": score["CISSL"] - score["SimCLR"]}
    return f"DISSL less {listed(ahead, '+.1f')}; CISSL less {listed(simclr, '+.1f')}"


def label_columns(table: pd.DataFrame) -> dict[str, int]:
    """Return the columns of accuracies with few labels, and how many labels, increasing.

    Examples
    --------
    >>> label_columns(pd.DataFrame(columns=["full", "labels_100", "labels_10"]))
    {'labels_10': 10, 'labels_100': 100}
    """
    start = "labels_"
    counts = {c: int(c.removeprefix(start)) for c in map(str, table) if c.startswith(start)}
    return dict(sorted(counts.items(), key=lambda pair: pair[1]))


def few_labels(table: pd.DataFrame, settings: Settings) -> int:
    """Return how many labels "few" are."""
    made = recipe(settings)
    return list(label_columns(table).values())[made.shots.index(made.few)]


def label_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by number of labels as long rows.

    Parameters
    ----------
    table : pandas.DataFrame
        Of runs; ``full`` counts as the training images.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``strength``, ``seed``, ``labels``, ``accuracy``.
    """
    columns = {**label_columns(table), "full": int(table.images.iloc[0])}
    keys = table[["variant", "strength", "seed"]]
    parts = [keys.assign(labels=n, accuracy=table[name]) for name, n in columns.items()]
    return pd.concat(parts, ignore_index=True)


def ends(table: pd.DataFrame, settings: Settings) -> str:
    """Say the accuracy at the smallest and the largest dimension of a sweep."""
    kept = trained(table)
    low, top = kept.dim.min(), kept.dim.max()
    of = {column: mean_of(kept, column, "variant", "dim") for column in ("full", "few")}
    count = few_labels(table, settings)
    return "; ".join(
        f"{name} {of['full'][name, low]:.1f} to {of['full'][name, top]:.1f} % with all labels, "
        f"{of['few'][name, low]:.1f} to {of['few'][name, top]:.1f} % with {count:,}"
        for name in of["full"].index.unique("variant")
    )


def described(found: Tables) -> str:
    """Say what published tables of pictures were trained on, how long, and how they stand."""
    table, used = found["dimensions"], found.tables["dimensions"].manifest.key["config"]
    teacher, student = used["dissl_temperatures"]
    hours = sum(made.manifest.seconds for made in found.all) / 3600
    return (
        f"{table.images.max():,} training images of {used['size']} pixels, {used['epochs']} "
        f"epochs in batches of {used['batch_size']}, {table.seed.nunique()} runs, {hours:.1f} "
        f"hours of one core in all; DISSL: temperatures {teacher} (teacher) and {student} "
        f"(student), {used['latents']} classes; {found.origin}."
    )


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """Average over runs what each variant and dimension costs and brings.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep.

    Returns
    -------
    pandas.DataFrame
        ``encoder`` (with its dimension), parameters, seconds of training, accuracies in percent,
        RankMe, effective dimension.
    """
    means = {
        title: mean_of(table, column, "variant", "dim", percent="%" in title)
        for column, title in _COSTS.items()
    }
    table = pd.DataFrame(means)
    table.insert(0, "encoder", [f"{title}, d = {dim}" for title, dim in table.index])
    return table.reset_index(drop=True)


def gains(table: pd.DataFrame, *, base: int, column: str = "full") -> pd.DataFrame:
    """Subtract each run's accuracy at a base dimension, in percentage points.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep; raw pixels are left out.
    base : int
        The dimension to compare with.
    column : str, default="full"
        Which accuracy.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``seed``, ``dim``, ``ratio`` (dim / base), ``gain``.

    Examples
    --------
    >>> runs = pd.DataFrame({"variant": "cissl", "seed": 0, "dim": [64, 256], "full": [0.4, 0.45]})
    >>> gains(runs, base=64).gain.round(6).tolist()
    [0.0, 5.0]
    """
    kept = trained(table)[["variant", "seed", "dim", column]]
    start = kept[kept.dim == base].drop(columns="dim")
    both = kept.merge(start, on=["variant", "seed"], suffixes=("", " before"))
    gain = 100 * (both[column] - both[f"{column} before"])
    return both[["variant", "seed", "dim"]].assign(ratio=both.dim / base, gain=gain)


def gained(points: pd.DataFrame) -> str:
    """Say what each variant gains at the largest dimension: mean and range over runs.

    Parameters
    ----------
    points : pandas.DataFrame
        From :func:`gains`.

    Examples
    --------
    >>> runs = pd.DataFrame({"variant": "cissl", "seed": 0, "dim": [64, 256], "full": [0.4, 0.45]})
    >>> gained(gains(runs, base=64))
    'CISSL +5.0 (+5.0)'
    """
    said = (
        f"{VARIANTS[str(name)].title} {of.mean():+.1f} ({spread(of, '+.1f')})"
        for name, of in _top(points).groupby("variant", sort=False).gain
    )
    return ", ".join(said).replace("-", "\N{MINUS SIGN}")


def top_gains(points: pd.DataFrame) -> pd.Series:
    """Return the mean gain at the largest dimension, by the variants' titles."""
    return mean_of(_top(points), "gain", "variant", percent=False)


def _top(table: pd.DataFrame) -> pd.DataFrame:
    top: pd.DataFrame = table[table.dim == table.dim.max()]
    return top


def ahead_of_untrained(table: pd.DataFrame, dim: int) -> dict[str, float]:
    """Return by how many points the weaker of CISSL and DISSL is ahead at a dimension.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep.
    dim : int

    Returns
    -------
    dict of str to float
        By probe, means over runs.
    """
    found = {}
    for column, probe in PROBES.items():
        of = 100 * table[table.dim == dim].groupby("variant")[column].mean()
        found[probe] = float(min(of.cissl, of.dissl) - of.untrained)
    return found


def verdicts(tables: Mapping[str, pd.DataFrame], *, base: int) -> pd.DataFrame:
    """Say of each method whether it gains more from the dimension than an untrained encoder.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Sweeps by the names of their images.
    base : int
        The dimension from which the largest is reached.

    Returns
    -------
    pandas.DataFrame
        A row for each data set, method and probe: ``images, method``, ``probe``; the gain in
        points from the base to the largest dimension, and how much it is beyond the gain of an
        untrained encoder with the same seed, each with its 95 % interval (Student's t over runs);
        whether it is more ("yes", "no: less", "cannot tell").
    """
    rows = []
    for images, table in tables.items():
        for column, probe in PROBES.items():
            top = _top(gains(table, base=base, column=column))
            wide = top.pivot(index="seed", columns="variant", values="gain")
            for name in (name for name in map(str, wide) if VARIANTS[name].trains):
                gain, _ = _said(wide[name])
                beyond = _said(wide[name] - wide.untrained)
                title = VARIANTS[name].title
                rows.append((f"{images}, {title}", probe, gain, *beyond))
    columns = ["images, method", "probe", "gain, points", "beyond untrained", "more?"]
    return pd.DataFrame(rows, columns=columns)


def _said(values: pd.Series) -> tuple[str, str]:
    """Return mean and interval in words, and which side of zero the interval lies on."""
    mean, low, high = map(float, mean_interval(values))
    side = "yes" if low > 0 else "no: less" if high < 0 else "cannot tell"
    said = f"{mean:+.1f} ({low:.1f} to {high:.1f})"
    return said.replace("-", "\N{MINUS SIGN}"), side
