"""The tables behind the chapter's figures, accuracies in percent and gains in points."""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.papers.fair_ensemble.members import CLEAN, Chapter, images, members
from ssl_lib.papers.fair_ensemble.published import table_1
from ssl_lib.papers.fair_ensemble.samples import (
    PROTOCOLS,
    Floats,
    Sample,
    copies,
    over_samples,
    sample,
)
from ssl_lib.papers.fair_ensemble.settings import VARIED, Run
from ssl_lib.papers.fair_ensemble.severities import STRONG_NOISE, severity

__all__ = [
    "aggregates",
    "beside_table_1",
    "classes",
    "corruption",
    "corruption_curves",
    "curves",
    "disagreement",
    "imbalance",
    "main",
    "settings_beside",
    "side_by_side",
    "sources",
    "strong_noise",
    "trained",
    "with_settings",
    "with_table_1",
]

GROUPS = ("all", "top", "bottom")
NAMES = {
    "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits",
    "tiny-imagenet": "TinyImageNet",
}  # fmt: skip
NETWORKS = {"mlp": "MLP 16-16", "resnet9": "ResNet9"}


def main(chapter: Chapter, *, arm: str = "everything") -> list[Sample]:
    """Return the clean samples of the first data set, one a training set that has the arm.

    Parameters
    ----------
    chapter : Chapter
    arm : str, default="everything"
        What varies between members.

    Returns
    -------
    list of Sample
    """
    return [sample(run, result, arm=arm) for run, result in chapter.main if arm in run.arms]


def _rows(
    samples: list[Sample],
    statistic: Callable[[Sample], npt.ArrayLike],
    names: Iterable[str],
    *,
    prefix: str = "",
) -> pd.DataFrame:
    """Return a statistic of groups with its interval, a row a group."""
    value, low, high = over_samples(samples, statistic)
    columns = {prefix or "value": value, f"{prefix}_low": low, f"{prefix}_high": high}
    return pd.DataFrame({"group": list(names), **columns})


def trained(run: Run) -> int:
    """Return how many networks a run trains.

    Examples
    --------
    >>> trained(Run(data="digits", members=21, arms=("everything", "nothing")))
    24
    """
    return len(members(run))


def curves(chapter: Chapter) -> pd.DataFrame:
    """Return accuracy and gain by ensemble size, group and protocol (Figures 1 to 3).

    Returns
    -------
    pandas.DataFrame
        Columns protocol, group, members, accuracy, gain, gain_low, gain_high, relative,
        relative_low, relative_high; 95 % intervals over training sets.
    """
    samples, parts = main(chapter), []
    for protocol in PROTOCOLS:
        mean, _, _ = over_samples(samples, lambda one, p=protocol: 100 * one.curve(p))  # type: ignore[misc]
        columns = {
            f"{name}{end}": numbers
            for name, statistic in (("gain", _gains), ("relative", _relative_gains))
            for end, numbers in zip(
                ("", "_low", "_high"),
                over_samples(samples, partial(statistic, protocol)),
                strict=True,
            )
        }
        for place, group in enumerate(GROUPS):
            part = {name: numbers[:, place] for name, numbers in columns.items()}
            head = {"protocol": protocol, "group": group, "members": samples[0].sizes}
            parts.append(pd.DataFrame({**head, "accuracy": mean[:, place], **part}))
    return pd.concat(parts, ignore_index=True)


def _gains(protocol: str, one: Sample) -> Floats:
    curve = 100 * one.curve(protocol)
    gains: Floats = curve - curve[0]
    return gains


def _relative_gains(protocol: str, one: Sample) -> Floats:
    curve = one.curve(protocol)
    # A group on which one member is never right has no relative gain.
    gains: Floats = 100 * (curve / np.where(curve[0] > 0, curve[0], np.nan) - 1)
    return gains


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of :func:`curves`, one row a size, a column a protocol and group."""
    wide = table.pivot(index="members", columns=["protocol", "group"], values="accuracy")
    wide = wide[[(protocol, group) for protocol in PROTOCOLS for group in GROUPS]]
    wide.columns = [f"{protocol}: {group}" for protocol in PROTOCOLS for group in GROUPS]
    return wide.reset_index().rename_axis(columns=None)


def aggregates(chapter: Chapter) -> pd.DataFrame:
    """Return the accuracy of all members by what is averaged, and that of one member.

    Returns
    -------
    pandas.DataFrame
        Columns averaged, all, top, bottom; groups of the unbiased protocol.
    """
    samples = main(chapter)
    names = {"(one member)": "right_1", "probabilities": "prob", "logits": "logit", "votes": "vote"}
    rows = []
    for name, column in names.items():
        mean, _, _ = over_samples(samples, lambda one, c=column: 100 * one.means(c, "unbiased"))  # type: ignore[misc]
        rows.append({"averaged": name, **dict(zip(GROUPS, mean, strict=True))})
    return pd.DataFrame(rows)


def disagreement(chapter: Chapter) -> pd.DataFrame:
    """Return the gain of the vote and its two bounds by group (section 4.1).

    Returns
    -------
    pandas.DataFrame
        Columns measure ("gain of the vote", "room", "churn"), group, value, low, high, in percent;
        groups of the unbiased protocol.
    """
    samples = main(chapter)
    measures = {"gain of the vote": "vote_gain", "room": "room", "churn": "churn"}
    parts = []
    for name, column in measures.items():
        value, low, high = over_samples(
            samples,
            lambda one, c=column: 100 * one.means(c, "unbiased"),  # type: ignore[misc]
        )
        part = {"measure": name, "group": GROUPS, "value": value, "low": low, "high": high}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def classes(chapter: Chapter) -> pd.DataFrame:
    """Return churn, room and gain of the vote of every class of every training set.

    Returns
    -------
    pandas.DataFrame
        Columns training_set, label, member (accuracy), churn, room, gain, in percent.
    """
    parts = []
    for place, one in enumerate(main(chapter)):
        names = {"right_1": "member", "churn": "churn", "room": "room", "vote_gain": "gain"}
        means = 100 * one.table.groupby("label")[list(names)].mean()
        parts.append(means.rename(columns=names).reset_index().assign(training_set=place))
    columns = ["training_set", "label", "member", "churn", "room", "gain"]
    return pd.concat(parts, ignore_index=True)[columns]


def sources(chapter: Chapter) -> pd.DataFrame:
    """Return the gain and the churn of ensembles that differ in some sources of randomness.

    Returns
    -------
    pandas.DataFrame
        Columns varied, group, member, ensemble, gain, gain_low, gain_high, churn, largest_spread
        (of a logit between two members), training_sets; groups of the unbiased protocol, chosen
        within each arm.
    """
    parts = []
    # All arms on the same training sets, so that only the arm differs.
    ablated = [pair for pair in chapter.main if len(pair[0].arms) > 1]
    for arm in VARIED:
        samples = [sample(run, result, arm=arm) for run, result in ablated if arm in run.arms]
        if not samples:
            continue
        ends, _, _ = over_samples(samples, lambda one: 100 * one.curve("unbiased")[[0, -1]])
        churn, _, _ = over_samples(samples, lambda one: 100 * one.means("churn", "unbiased"))
        gain = _rows(samples, lambda one: one.gain("unbiased"), GROUPS, prefix="gain")
        spread = max(float(one.table.spread.max()) for one in samples)
        parts.append(
            gain.assign(varied=arm, member=ends[0], ensemble=ends[1], churn=churn,
                        largest_spread=spread, training_sets=len(samples))
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def corruption(chapter: Chapter) -> pd.DataFrame:
    """Return the gain at each severity of each corruption; severity 0 is clean.

    Returns
    -------
    pandas.DataFrame
        Columns corruption, severity, group, one, ensemble (accuracy in percent), gain, relative;
        means over training sets, groups chosen on clean images.
    """
    parts = [_corrupted(chapter, CLEAN, 0.0).assign(severity=0)]
    for name, strength in _strengths(chapter):
        if severity(name, strength):
            part = _corrupted(chapter, name, strength)
            parts.append(part.assign(severity=severity(name, strength)))
    return pd.concat(parts, ignore_index=True)


def strong_noise(chapter: Chapter) -> pd.DataFrame:
    """Return the same for Gaussian noise far beyond CIFAR-C's, by standard deviation."""
    parts = [_corrupted(chapter, CLEAN, 0.0)]
    known = _strengths(chapter)
    parts += [
        _corrupted(chapter, "gaussian noise", sd)
        for sd in STRONG_NOISE
        if ("gaussian noise", sd) in known
    ]
    return pd.concat(parts, ignore_index=True)


def _strengths(chapter: Chapter) -> tuple[tuple[str, float], ...]:
    return chapter.main[0][0].corruptions


@lru_cache(maxsize=2)
def corrupted_samples(chapter: Chapter) -> dict[tuple[str, float], list[Sample]]:
    """Return the samples of training sets with corrupted copies, by corruption and strength."""
    each = [copies(run, result) for run, result in chapter.main if run.corruptions]
    return {copy: [one[copy] for one in each] for copy in each[0]}


def _corrupted(chapter: Chapter, name: str, strength: float) -> pd.DataFrame:
    samples = corrupted_samples(chapter)[name, strength]
    ends, _, _ = over_samples(samples, lambda one: 100 * one.curve("unbiased")[[0, -1]])
    table = pd.DataFrame({"group": GROUPS, "one": ends[0], "ensemble": ends[1]})
    gain = table.ensemble - table.one
    return table.assign(
        corruption=name, strength=strength, gain=gain, relative=100 * gain / table.one
    )


def corruption_curves(chapter: Chapter) -> pd.DataFrame:
    """Return relative gain by size at each severity, averaged over corruptions.

    Returns
    -------
    pandas.DataFrame
        Columns severity, group, members, relative; severity 0 is clean.
    """
    parts = []
    for name, strength in (CLEAN, 0.0), *_strengths(chapter):
        level = 0 if name == CLEAN else severity(name, strength)
        if name != CLEAN and not level:
            continue
        samples = corrupted_samples(chapter)[name, strength]
        mean, _, _ = over_samples(samples, lambda one: one.curve("unbiased"))
        for place, group in enumerate(GROUPS):
            relative = 100 * (mean[:, place] / mean[0, place] - 1)
            head = {"severity": level, "group": group, "members": samples[0].sizes}
            parts.append(pd.DataFrame({**head, "relative": relative}))
    table = pd.concat(parts, ignore_index=True)
    means = table.groupby(["severity", "group", "members"]).relative.mean()
    return means.reset_index()


def imbalance(chapter: Chapter) -> pd.DataFrame:
    """Return what an ensemble does for a constructed minority.

    Returns
    -------
    pandas.DataFrame
        Columns images (majority/minority in a class), share, group, one, ensemble, gain, gain_low,
        gain_high, relative, churn, training_sets.
    """
    parts = []
    for counts in dict.fromkeys(run.per_class for run, _ in chapter.imbalanced):
        samples = minority_samples(chapter, counts)
        ends, _, _ = over_samples(
            samples, lambda one: 100 * one.curve("unbiased", groups="minority")[[0, -1]]
        )
        churn, _, _ = over_samples(samples, lambda one: 100 * one.means("churn", "minority"))
        ratio = ends[1] / np.where(ends[0] > 0, ends[0], np.nan)
        gain = _rows(
            samples,
            lambda one: one.gain("unbiased", groups="minority"),
            ("majority", "minority"),
            prefix="gain",
        )
        parts.append(
            gain.assign(
                images=f"{counts[0]}/{counts[1]}", share=counts[1] / counts[0], one=ends[0],
                ensemble=ends[1], relative=100 * (ratio - 1),
                churn=churn, training_sets=len(samples),
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def minority_samples(chapter: Chapter, counts: tuple[int, ...]) -> list[Sample]:
    """Return the samples with these numbers of images in a majority and a minority class."""
    return [sample(run, result) for run, result in chapter.imbalanced if run.per_class == counts]


def beside_table_1(chapter: Chapter) -> pd.DataFrame:
    """Return the paper's Table 1 and this run's numbers by the paper's protocol, row by row.

    Returns
    -------
    pandas.DataFrame
        Columns data, network, group, one, ensemble, gain, relative, source ("paper" or "here").
    """
    parts = []
    for name in dict.fromkeys(run.data for run, _ in chapter.balanced):
        samples = [sample(run, result) for run, result in chapter.balanced if run.data == name]
        for protocol in PROTOCOLS:
            ends, _, _ = over_samples(
                samples,
                lambda one, p=protocol: 100 * one.curve(p)[[0, -1]],  # type: ignore[misc]
            )
            relative, _, _ = over_samples(samples, lambda one, p=protocol: one.relative(p))  # type: ignore[misc]
            table = pd.DataFrame({"group": GROUPS, "one": ends[0], "ensemble": ends[1]})
            gain = table.ensemble - table.one
            network = NETWORKS[samples[0].run.encoder]
            parts.append(
                table.assign(data=NAMES[name], network=network, gain=gain,
                             relative=relative, source=f"here, {protocol} protocol")
            )  # fmt: skip
    return with_table_1(pd.concat(parts, ignore_index=True))


def settings_beside(chapter: Chapter) -> pd.DataFrame:
    """Return what differs between the paper's Table 1 and this run, a row a data set.

    Returns
    -------
    pandas.DataFrame
        Columns where, data, network, training images, test images, epochs, members, K, and for
        each group one model -> ensemble by the paper's protocol.
    """
    beside = beside_table_1(chapter)
    own = beside.query("source == 'here, paper protocol'")
    rows = []
    for name in dict.fromkeys(run.data for run, _ in chapter.balanced):
        run = next(run for run, _ in chapter.balanced if run.data == name)
        train, test = images(run)
        rows.append(
            {
                "where": "here", "data": NAMES[name], "network": NETWORKS[run.encoder],
                "training images": len(train), "test images": len(test), "epochs": run.epochs,
                "members": run.members, "K": run.k, **_arrows(own, NAMES[name]),
            }
        )  # fmt: skip
    return with_settings(pd.DataFrame(rows))


def with_table_1(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the paper's Table 1 above rows of this run from :func:`beside_table_1`."""
    return pd.concat([table_1().assign(source="paper"), rows], ignore_index=True)


def with_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the paper's settings above rows of this run from :func:`settings_beside`."""
    return pd.concat([_paper_settings(), rows], ignore_index=True)


def _paper_settings() -> pd.DataFrame:
    theirs = table_1().query("network == 'ResNet9'")
    return pd.DataFrame(
        {
            "where": "paper", "data": data, "network": "ResNet9", "training images": train,
            "test images": 10_000, "epochs": epochs, "members": 20, "K": 10,
            **_arrows(theirs, data),
        }
        for data, train, epochs in (("CIFAR-100", 50_000, 24), ("TinyImageNet", 100_000, 100))
    )  # fmt: skip


def _arrows(table: pd.DataFrame, data: str) -> dict[str, str]:
    own = table[table.data == data].set_index("group")
    return {g: f"{own.one[g]:.1f} -> {own.ensemble[g]:.1f}" for g in GROUPS}
