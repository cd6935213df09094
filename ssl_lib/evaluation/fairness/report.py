"""All measures of one set of members, as ``ssl-lib fairness`` prints them."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.fairness.curves import ensemble_curve
from ssl_lib.evaluation.fairness.disagreement import vote_bound
from ssl_lib.evaluation.fairness.ensembles import Aggregate
from ssl_lib.evaluation.fairness.groups import Groups, held_out
from ssl_lib.evaluation.fairness.inputs import Floats, checked_members
from ssl_lib.evaluation.fairness.protocols import GroupCurve, base_protocol, group_curve

__all__ = ["FairnessReport", "evaluate"]

_COLUMNS = (
    "protocol", "group", "members", "accuracy", "low", "high",
    "gain", "gain_low", "gain_high", "relative_gain",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FairnessReport:
    """Group accuracy by ensemble size under each protocol, and disagreement by group.

    Attributes
    ----------
    settings : dict
        What it was made with.
    curves : dict of str to GroupCurve
        By protocol: "base" and "held out", or "groups" for groups of the user's own.
    disagreement : list of dict
        For each group: gain of the vote, its room and churn (see
        :class:`~ssl_lib.evaluation.fairness.disagreement.VoteBound`).
    """

    settings: dict[str, Any]
    curves: dict[str, GroupCurve]
    disagreement: list[dict[str, Any]]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each protocol, group and number of members, in fractions."""
        return [row for name, curve in self.curves.items() for row in _curve_rows(name, curve)]

    def to_csv(self) -> str:
        """Return the rows as CSV."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return text.getvalue()

    def to_json(self) -> str:
        """Return settings, rows and disagreement as JSON."""
        content = {**self.settings, "curves": self.rows(), "disagreement": self.disagreement}
        return json.dumps(content, indent=1)

    def __str__(self) -> str:
        """Return the accuracy in percent at a few sizes, for a terminal."""
        parts = [_intro(self.settings)]
        parts += [_curve_text(name, curve) for name, curve in self.curves.items()]
        return "\n\n".join([*parts, _disagreement_text(self.disagreement)])


def evaluate(
    probabilities: object,
    labels: object,
    *,
    k: int | None = None,
    groups: Groups | None = None,
    base: int = 0,
    draws: int = 200,
    splits: int = 20,
    aggregate: Aggregate = "prob",
    bootstrap: int = 200,
    seed: int = 0,
) -> FairnessReport:
    """Measure whom an ensemble of these members helps.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    labels : array-like (n,)
    k : int, optional
        Classes in the top and bottom groups; by default 10, or a third of fewer than 30 classes.
    groups : Groups, optional
        Use these instead of groups of classes.
    base : int, default=0
        Base model of the paper's protocol.
    draws, aggregate
        As for :func:`~ssl_lib.evaluation.fairness.curves.ensemble_curve`.
    splits : int, default=20
        Halves of the images for the held-out groups.
    bootstrap : int, default=200
        Resamplings of the images for 95 % intervals; 0 for none.
    seed : int, default=0

    Returns
    -------
    FairnessReport

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(300) % 3
    >>> members = random.dirichlet(np.ones(3), size=(5, 300)) + np.eye(3)[labels] * 0.3
    >>> report = evaluate(members / 1.3, labels, bootstrap=0)
    >>> sorted(report.curves), len(report.rows())
    (['base', 'held out'], 30)
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    m, n, c = values.shape
    options: dict[str, Any] = {"draws": draws, "aggregate": aggregate, "seed": seed}
    if check_whole("bootstrap", bootstrap, least=0) == 1:
        raise InputError(f"bootstrap must be 0 or at least 2, got {bootstrap}.")
    curve = ensemble_curve(values, classes, **options)
    chosen = min(10, max(1, c // 3)) if k is None else k
    resample: dict[str, Any] = {"labels": classes, "bootstrap": bootstrap, "seed": seed}
    curves: dict[str, GroupCurve] = {}
    if groups is None:
        curves["base"] = base_protocol(
            values, classes, k=chosen, base=base, bootstrap=bootstrap, **options
        )
        right = (values.argmax(axis=2) == classes).mean(axis=0)
        groups = held_out(right, classes, c, chosen, splits, seed)
        curves["held out"] = group_curve(curve, groups, **resample)
    else:
        curves["groups"] = group_curve(curve, groups, **resample)
    settings = {"members": m, "images": n, "classes": c, "k": chosen, **options}
    return FairnessReport(settings, curves, _disagreement(values, classes, groups))


def _disagreement(values: Floats, classes: Any, groups: Groups) -> list[dict[str, Any]]:
    bound = vote_bound(values, classes)
    means = groups.mean(np.stack([bound.gain, bound.room, bound.churn]))
    return [
        {
            "group": name,
            **dict(zip(("vote_gain", "room", "churn"), map(float, column), strict=True)),
        }
        for name, column in zip(groups.names, means.T, strict=True)
    ]


def _curve_rows(protocol: str, curve: GroupCurve) -> list[dict[str, Any]]:
    missing = np.full(curve.accuracy.shape, np.nan)
    sampled = len(curve.replicates) > 0
    ends = curve.interval("accuracy") if sampled else (missing, missing)
    gains = curve.interval("gain") if sampled else (missing, missing)
    tables = (curve.accuracy, *ends, curve.gain, *gains, curve.relative_gain)
    return [
        dict(zip(_COLUMNS, (protocol, name, int(size), *cells), strict=True))
        for column, name in enumerate(curve.names)
        for row, size in enumerate(curve.sizes)
        for cells in [[_number(table[row, column]) for table in tables]]
    ]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _intro(settings: dict[str, Any]) -> str:
    return (
        f"{settings['members']} members, {settings['images']:,} images, {settings['classes']} "
        f"classes; ensembles by {settings['aggregate']}, {settings['draws']} draws of each size"
    )


_TITLES = {
    "base": "The base model's classes, measured where they were chosen (the paper's protocol)",
    "held out": "Classes chosen on one half of the images, measured on the other (unbiased)",
    "groups": "Given groups",
}


def _curve_text(name: str, curve: GroupCurve) -> str:
    rows = sorted({0, *np.searchsorted(curve.sizes, (2, 3, 5, 10)), len(curve.sizes) - 1})
    rows = [row for row in rows if row < len(curve.sizes)]
    width = max(12, *(len(group) + 2 for group in curve.names))
    lines = [_TITLES[name], "accuracy, %".ljust(14) + _cells(curve.names, width)]
    for row in rows:
        title = f"{curve.sizes[row]} members" if row else "1 member"
        lines.append(
            title.ljust(14) + _cells([f"{100 * a:.1f}" for a in curve.accuracy[row]], width)
        )
    lines.append("gain, points".ljust(14) + _cells(_points(curve.gain[-1]), width))
    if len(curve.replicates):
        low, high = (_points(end[-1]) for end in curve.interval("gain"))
        spans = [f"{a} to {b}" for a, b in zip(low, high, strict=True)]
        lines.append("  95 %".ljust(14) + _cells(spans, max(width, 16)))
    relative = [f"{100 * g:+.1f} %" for g in curve.relative_gain[-1]]
    lines.append("relative gain".ljust(14) + _cells(relative, width))
    gaps = [f"{100 * gap:.1f}" for gap in curve.gap[[0, -1]]]
    return "\n".join([*lines, f"gap {gaps[0]} -> {gaps[1]} points; worst: {curve.worst[-1]}"])


def _points(values: Floats) -> list[str]:
    return [f"{100 * value:+.1f}" for value in values]


def _cells(cells: Any, width: int) -> str:
    return "".join(str(cell).rjust(width) for cell in cells)


def _disagreement_text(table: list[dict[str, Any]]) -> str:
    width = max(12, *(len(row["group"]) + 2 for row in table))
    lines = ["Gain of the vote <= room <= disagreement of two members (churn), %"]
    lines.append("".ljust(14) + _cells([row["group"] for row in table], width))
    for name, title in (("vote_gain", "gain of vote"), ("room", "room"), ("churn", "churn")):
        lines.append(title.ljust(14) + _cells([f"{100 * row[name]:.1f}" for row in table], width))
    return "\n".join(lines)
