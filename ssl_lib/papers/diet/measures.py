"""Tables to numbers: each function takes tables of :mod:`ssl_lib.papers.diet.experiments`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers import chapter
from ssl_lib.papers.diet.settings import METHODS, NOISE_CASES, PANELS, RUNS, WORLDS, Panel

__all__ = [
    "ALL_IMAGES",
    "FEW",
    "LABELS",
    "across_settings",
    "along_run",
    "baseline",
    "budgets",
    "by_views",
    "correlation_across",
    "curves",
    "factors",
    "final_r2",
    "noise_kept",
    "noise_order",
    "of_runs",
    "panel",
    "photographs",
    "published_numbers",
    "recovery",
    "repaired",
    "rivals",
    "row_neighbours",
    "shapes_few",
    "spectral_gaps",
    "streaming_gaps",
    "summary",
    "violations",
    "within_panels",
]

#: Labels a class at which representations differ most.
FEW = 10.0
#: Budgets of labels a class; 0 is all of them.
LABELS = {1.0: "1 label", 5.0: "5 labels", FEW: "10 labels", 0.0: "all labels"}
ALL_IMAGES = "DIET, all images"
#: R2 of the centres in Table 2 of arXiv 2410.21869, as :class:`World` has that of the latents.
PAPER_CENTRES = {
    "free": 0.999, "unit-rows": 0.999, "dimension-20": 0.997, "clusters-10": 0.990,
    "clusters-1000": 0.999, "kappa-50": 0.755, "laplace": 0.995, "normal": 0.996,
}  # fmt: skip


def of_runs(digits: pd.DataFrame, measure: str = "accuracy", at: float = FEW) -> pd.DataFrame:
    """Return one measure of every run: rows seeds, columns runs; accuracies in percent.

    Examples
    --------
    >>> table = pd.DataFrame({"seed": [0, 0], "run": ["diet", "pixels"], "measure": "accuracy",
    ...                       "at": 10.0, "value": [0.9, 0.8]})
    >>> of_runs(table).loc[0].to_dict()
    {'diet': 90.0, 'pixels': 80.0}
    """
    part = digits[(digits.measure == measure) & (digits["at"] == at)]
    factor = 100 if measure in ("accuracy", "online", "index accuracy", "same class") else 1
    return factor * part.pivot(index="seed", columns="run", values="value")


def summary(values: pd.DataFrame) -> pd.DataFrame:
    """Return mean, ends of the 95 % t interval and range over seeds, a row a column.

    Examples
    --------
    >>> summary(pd.DataFrame({"a": [1.0, 2.0, 3.0]})).round(2).iloc[0].tolist()
    [2.0, -0.48, 4.48, 1.0, 3.0]
    """
    mean, low, high = mean_interval(values.to_numpy())
    columns = {"mean": mean, "low": low, "high": high}
    ends = {"least": values.min(), "most": values.max()}
    return pd.DataFrame(columns, index=values.columns).assign(**ends)


def baseline(few: pd.DataFrame, encoder: str = "untrained") -> pd.Series:
    """Return the better of raw pixels and an untrained encoder, by seed."""
    return few[["pixels", encoder]].max(axis=1)


def curves(digits: pd.DataFrame, run: str = "diet") -> pd.DataFrame:
    """Return what was measured along a run: columns seed, epoch, measure, value."""
    known = {"excess at": "loss above its floor", "accuracy at": "accuracy", "online at": "online"}
    part = digits[(digits.run == run) & digits.measure.isin(known)]
    named = part.assign(measure=part.measure.map(known)).rename(columns={"at": "epoch"})
    return named[["seed", "epoch", "measure", "value"]].reset_index(drop=True)


def along_run(digits: pd.DataFrame, run: str = "diet") -> pd.Series:
    """Return Spearman's correlation of loss and accuracy along a run, by seed.

    Examples
    --------
    >>> rows = [(0, "diet", "excess at", e, 1 / e) for e in (1.0, 2.0, 3.0)]
    >>> rows += [(0, "diet", "accuracy at", e, e) for e in (1.0, 2.0, 3.0)]
    >>> table = pd.DataFrame(rows, columns=["seed", "run", "measure", "at", "value"])
    >>> along_run(table).tolist()
    [-1.0]
    """
    table = curves(digits, run)
    wide = table.pivot(index=["seed", "epoch"], columns="measure", values="value").dropna()
    groups = wide.groupby(level="seed")
    return groups.apply(lambda p: p["loss above its floor"].corr(p.accuracy, method="spearman"))


def across_settings(digits: pd.DataFrame) -> pd.DataFrame:
    """Return loss above the floor and accuracy of every run of the ablations.

    Returns
    -------
    pandas.DataFrame
        Columns seed, run, panel (the one that it varies, "reference" for all), excess, accuracy.
    """
    excess, few = of_runs(digits, "excess", 0), of_runs(digits)
    member = {name: p.title for p in PANELS.values() for name in p.runs if name != "diet"}
    member = {"diet": "reference", **member}
    rows = [
        (seed, run, member[run], excess.loc[seed, run], few.loc[seed, run])
        for run in member for seed in excess.index if run in excess
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["seed", "run", "panel", "excess", "accuracy"])


def correlation_across(settings: pd.DataFrame) -> pd.Series:
    """Return Spearman's correlation of loss and accuracy over settings, by seed."""
    groups = settings.groupby("seed")[["excess", "accuracy"]]
    return groups.apply(lambda p: p.excess.corr(p.accuracy, method="spearman"))


def within_panels(settings: pd.DataFrame) -> pd.Series:
    """Return that correlation inside each panel, with the reference, mean over seeds."""
    reference = settings[settings.panel == "reference"]
    panels = settings[settings.panel != "reference"].groupby("panel", sort=False)
    found = {name: correlation_across(pd.concat([part, reference])) for name, part in panels}
    return pd.DataFrame(found).mean()


def budgets(digits: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Return accuracy by labels a class: columns run, title, labels, mean, low, high, ...

    All labels are the entry 0.
    """
    parts = []
    for labels in LABELS:
        found = summary(of_runs(digits, at=labels)[list(runs)])
        parts.append(found.rename_axis("run").reset_index().assign(labels=labels))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(title=table.run.map(lambda name: RUNS[name].title))


def panel(digits: pd.DataFrame, chosen: Panel, at: float = FEW) -> pd.DataFrame:
    """Return an ablation: a row a run, with the option's value beside the summary."""
    found = summary(of_runs(digits, at=at)[list(chosen.runs)])
    return found.rename_axis("run").reset_index().assign(x=chosen.values, panel=chosen.name)


def rivals(digits: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy by labels and RankMe of DIET, its variants and its rivals.

    Returns
    -------
    pandas.DataFrame
        A row a run: title, and the mean, low and high of each budget of ``LABELS`` and of
        ``RankMe``.
    """
    names = [
        "diet", "simclr-views", "vicreg-views", "simclr", "vicreg", "normalised", "head", "small",
        "simclr-small", "supervised",
    ]  # fmt: skip
    each = {said: of_runs(digits, at=at) for at, said in LABELS.items()}
    found = pd.DataFrame({"run": names, "title": [RUNS[name].title for name in names]})
    for kind, values in {**each, "RankMe": of_runs(digits, "rankme", 0)}.items():
        ends = summary(values.reindex(columns=names)).reset_index(drop=True)
        found = found.join(ends[["mean", "low", "high"]].add_prefix(f"{kind} "))
    return found


def row_neighbours(digits: pd.DataFrame) -> pd.DataFrame:
    """Return the share of nearest rows of the same class: columns run, neighbours, mean, ..."""
    part = digits[digits.measure == "same class"]
    chosen = part[part.run.isin(("diet", "strength-0", "epochs-60"))]
    wide = chosen.pivot(index="seed", columns=["run", "at"], values="value")
    found = summary(100 * wide).reset_index(names=["run", "neighbours"])
    return found.assign(title=found.run.map(lambda name: RUNS[name].title))


def recovery(latents: pd.DataFrame, worlds: Sequence[str]) -> pd.DataFrame:
    """Return R2 by steps: columns world, title, measure, steps, mean, low, high, least, most."""
    part = latents[latents.measure.isin(("latents", "centres")) & latents.world.isin(worlds)]
    wide = part.pivot(index="seed", columns=["world", "measure", "at"], values="value")
    found = summary(wide).reset_index(names=["world", "measure", "steps"])
    return found.assign(title=found.world.map(lambda name: WORLDS[name].title))


def final_r2(latents: pd.DataFrame, measure: str = "latents") -> pd.DataFrame:
    """Return R2 at the end of training: rows seeds, columns worlds."""
    part = latents[latents.measure == measure]
    last = part[part["at"] == part["at"].max()]
    wide: pd.DataFrame = last.pivot(index="seed", columns="world", values="value")
    return wide


def violations(latents: pd.DataFrame, observed: pd.DataFrame) -> pd.DataFrame:
    """Return the end of every world beside the paper's table.

    Parameters
    ----------
    latents : pandas.DataFrame
        The table of that name.
    observed : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.observed.r2`.

    Returns
    -------
    pandas.DataFrame
        Columns world, title, mean, low, high, least, most, centres (mean), observed (mean of what
        raw observations tell), gain (mean less that), paper, and the paper's centres as ``paper
        centres``.
    """
    found = summary(final_r2(latents)).reindex(list(WORLDS)).rename_axis("world").reset_index()
    rows, raw = final_r2(latents, "centres").mean(), observed.mean()
    return found.assign(
        title=[world.title for world in WORLDS.values()],
        centres=found.world.map(rows),
        observed=found.world.map(raw),
        gain=found["mean"] - found.world.map(raw),
        paper=[world.paper for world in WORLDS.values()],
        **{"paper centres": found.world.map(PAPER_CENTRES)},
    )


def noise_kept(noise: pd.DataFrame) -> pd.DataFrame:
    """Return R2 of each factor by its noise: columns case, title, noise, mean, low, high, ..."""
    wide = noise.pivot(index="seed", columns=["case", "at"], values="value")
    found = summary(wide).reset_index(names=["case", "noise"])
    return found.assign(title=found.case.map(lambda name: NOISE_CASES[name].title))


def noise_order(noise: pd.DataFrame, case: str = "narrow") -> pd.Series:
    """Return Spearman's correlation of a factor's noise with its R2, by seed."""
    groups = noise[noise.case == case].groupby("seed")[["at", "value"]]
    return groups.apply(lambda part: part["at"].corr(part.value, method="spearman"))


def repaired(noise: pd.DataFrame) -> pd.Series:
    """Return what unit length adds to the R2 of factors that find no room, mean of them, by seed.

    A narrow encoder has room for as many factors as it has dimensions, the quietest.

    Examples
    --------
    >>> rows = [(0, case, float(level), r2 * (level > 3))
    ...         for case, r2 in (("narrow", 0.0), ("narrow-unit", 0.5)) for level in range(1, 6)]
    >>> repaired(pd.DataFrame(rows, columns=["seed", "case", "at", "value"])).tolist()
    [0.5]
    """
    missed = sorted(noise["at"].unique())[NOISE_CASES["narrow"].width :]
    part = noise[noise["at"].isin(missed)]
    mean = part.pivot_table(index="seed", columns="case", values="value")
    return mean["narrow-unit"] - mean["narrow"]


def factors(shapes: pd.DataFrame) -> pd.DataFrame:
    """Return how well each factor of drawn shapes is told: rows factors, columns methods, means."""
    other = ("accuracy", "rankme", "early loss")
    part = shapes[~shapes.measure.isin(other)]
    wide = part.pivot_table(index="measure", columns="method", values="value", sort=False)
    named: pd.DataFrame = wide[list(dict.fromkeys(part.method))]
    return named.rename(index=lambda name: name.replace("_", " "))


def shapes_few(shapes: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy on the shapes' classes with few labels, percent: seeds by methods."""
    part = shapes[(shapes.measure == "accuracy") & (shapes["at"] == FEW)]
    return 100 * part.pivot(index="seed", columns="method", values="value")


def streaming_gaps(streaming: pd.DataFrame) -> pd.DataFrame:
    """Return a row a number of classes: the gaps, and numbers kept plain and streamed."""
    return streaming.pivot(index="classes", columns="measure", values="value").reset_index()


def spectral_gaps(spectral: pd.DataFrame) -> pd.DataFrame:
    """Return a row a draw with the gaps between the two losses."""
    return spectral.pivot(index="draw", columns="measure", values="value")


def photographs(found: Mapping[str, chapter.Tables]) -> pd.DataFrame:
    """Return what was measured of encoders of photographs, over seeds.

    Parameters
    ----------
    found : mapping of str to Tables
        By data set, see :func:`ssl_lib.papers.diet.experiments.on_photographs`.

    Returns
    -------
    pandas.DataFrame
        A row a set and method: ``images``, ``title``, ``seeds``; means of ``accuracy`` and
        ``all labels`` in percent and of ``rankme``; ``range`` of the accuracy, NaN of one.
    """
    parts = [
        _of_method(table[table.method == method], title).assign(images=name, method=method)
        for name, tables in found.items()
        for title, method, table in _compared(tables)
    ]
    return pd.concat(parts, ignore_index=True)


def _compared(found: chapter.Tables) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield title and method of each encoder of one set, with the table that has it."""
    if "photographs" in found.tables:
        table = found["photographs"]
        yield from ((METHODS[m], m, table) for m in METHODS if m in set(table.method))
    if "whole" in found.tables:
        yield ALL_IMAGES, "diet", found["whole"]
    if "long" in found.tables:
        table = found["long"]
        yield from ((f"{METHODS[m]}, longer", m, table) for m in METHODS if m in set(table.method))


def _of_method(part: pd.DataFrame, title: str) -> pd.DataFrame:
    def of(measure: str, at: float) -> pd.Series:
        return part.value[(part.measure == measure) & (part["at"] == at)]

    few = 100 * of("accuracy", FEW)
    row = {
        "title": title, "seeds": part.seed.nunique(), "accuracy": few.mean(),
        "range": few.max() - few.min() if len(few) > 1 else float("nan"),
        "all labels": 100 * of("accuracy", 0.0).mean(), "rankme": of("rankme", 0.0).mean(),
    }  # fmt: skip
    return pd.DataFrame([row])


def by_views(found: Mapping[str, chapter.Tables]) -> pd.DataFrame:
    """Return accuracy on the way: columns images, title, method, views, accuracy (percent)."""
    rows = [
        (name, title, method, views, 100 * value)
        for name, tables in found.items()
        for title, method, table in _compared(tables)
        for views, value in _on_the_way(table[table.method == method]).items()
    ]
    return pd.DataFrame(rows, columns=["images", "title", "method", "views", "accuracy"])


def _on_the_way(part: pd.DataFrame) -> pd.Series:
    """Return mean accuracy by views of each image; what is not trained has it from the start."""
    looks = part[part.measure == "accuracy at"]
    if looks.empty:
        looks = part[(part.measure == "accuracy") & (part["at"] == FEW)].assign(at=0.0)
    mean: pd.Series = looks.groupby("at").value.mean()
    return mean


def published_numbers() -> pd.DataFrame:
    """Return numbers of others, each with where it was read; nothing of them is ours."""
    zoo = "solo-learn's README: ResNet-18, 1,000 epochs"
    rows = [
        ("DIET", "CIFAR-100", "ResNet-101", 71.4, "abstract of arXiv 2302.10260"),
        ("DIET", "TinyImageNet", "ResNeXt-50", 52.5, "abstract of arXiv 2302.10260"),
        *(
            (method, "CIFAR-100", "ResNet-18", value, zoo)
            for method, value in (
                ("SimCLR", 65.78), ("VICReg", 68.54), ("Barlow Twins", 70.90), ("BYOL", 70.46),
                ("SimSiam", 66.04), ("DINO", 66.76), ("SwAV", 64.88),
            )
        ),
    ]  # fmt: skip
    columns = ["method", "images", "network", "linear probe, %", "read in"]
    return pd.DataFrame(rows, columns=columns)
