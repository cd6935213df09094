"""Reports by factor as text for a terminal, at most 120 columns wide."""

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np

from ssl_lib.evaluation.imagenet_x.bootstrap import Intervals
from ssl_lib.evaluation.imagenet_x.comparison import PairedDifference
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts
from ssl_lib.evaluation.imagenet_x.scoring import Scored

__all__ = ["report_text"]

_WIDTH = 120
_NAME = 17
_IMAGES = 9
_GAP = "   "
_NOTHING = "-"


def report_text(
    scored: Scored,
    counts: FactorCounts,
    intervals: Intervals | None = None,
    comparisons: Sequence[PairedDifference] = (),
) -> str:
    """Return a heading, a table of all models by factor, and the comparisons."""
    cell = 13 if intervals is None else 24
    block = max(1, (_WIDTH - _NAME - _IMAGES) // (cell + len(_GAP)))
    lines = [_heading(scored), *_coverage(scored)]
    lines += [line for hint in scored.hints() for line in textwrap.wrap(hint, _WIDTH)]
    for start in range(0, len(counts), block):
        rows = range(start, min(start + block, len(counts)))
        lines += ["", *_block(counts, intervals, rows, cell)]
    for comparison in comparisons:
        lines += ["", *_comparison(comparison, counts.factors)]
    return "\n".join(line.rstrip() for line in lines)


def _heading(scored: Scored) -> str:
    table = scored.table
    factors = "top" if table.selection == "top" else "all ticked"
    lists = f" (empty lists {_past(scored.empty)})" if scored.scoring == "real" else ""
    prototypes = "dropped" if table.prototypes == "drop" else "kept"
    return (
        f"ImageNet-X: {factors} factors, {scored.scoring} scoring{lists}, "
        f"{len(table):,} {table.split} images, prototypes {prototypes}"
    )


def _past(empty: str) -> str:
    return "excluded" if empty == "exclude" else empty


def _coverage(scored: Scored) -> Iterator[str]:
    for model, number, share in zip(scored.models, scored.predicted, scored.coverage, strict=True):
        if share < 1:
            yield f"{model}: predictions for {number:,} of them only ({share:.1%})"


def _block(
    counts: FactorCounts, intervals: Intervals | None, rows: range, cell: int
) -> Iterator[str]:
    heads = ["acc.   ratio" if intervals is None else "acc.   ratio   95 % int."] * len(rows)
    names = [_short(counts.models[row], cell) for row in rows]
    yield _line("", "", names, cell)
    yield _line("factor", "images", heads, cell)
    accuracy, ratios = counts.factor_accuracy, counts.error_ratio
    for column, factor in enumerate(counts.factors):
        cells = [
            f"{_number(accuracy[row, column])}  {_number(ratios[row, column])}"
            + ("" if intervals is None else _interval(intervals, row, column))
            for row in rows
        ]
        yield _line(factor, _images(counts.factor_images[rows, column]), cells, cell)
    averages = [_number(counts.accuracy[row]) for row in rows]
    yield _line("average", _images(counts.images[rows]), averages, cell)
    yield _line("worst factor", "", [_number(counts.worst_factor[row]) for row in rows], cell)
    worst = counts.worst_classes
    if worst is not None:
        yield _line("worst 100 classes", "", [_number(worst[row]) for row in rows], cell)


def _line(name: str, images: str, cells: Sequence[str], cell: int) -> str:
    return f"{name:<{_NAME}}{images:>{_IMAGES}}" + "".join(f"{_GAP}{c:<{cell}}" for c in cells)


def _images(numbers: np.ndarray) -> str:
    # Models may differ when some files are partial; then no one number is right.
    return f"{numbers[0]:,}" if (numbers == numbers[0]).all() else "varies"


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else f"{_NOTHING:^5}"


def _interval(intervals: Intervals, row: int, column: int) -> str:
    low, high = intervals.low[row, column], intervals.high[row, column]
    return f"  {low:.2f}-{high:.2f}" if np.isfinite(low) else ""


def _comparison(one: PairedDifference, factors: Sequence[str]) -> Iterator[str]:
    yield f"Error ratio of {one.first} minus that of {one.second}, on {one.images:,} images"
    yield f"{'factor':<{_NAME}}{'difference':>12}{'95 % interval':>20}{'p':>9}{'Holm':>9}{'B-H':>9}"
    for column, factor in enumerate(factors):
        if np.isnan(one.difference[column]):
            yield f"{factor:<{_NAME}}{_NOTHING:>12}"
            continue
        interval = f"{one.low[column]:+.3f} to {one.high[column]:+.3f}"
        tests = (one.p_value[column], one.holm[column], one.benjamini_hochberg[column])
        yield (
            f"{factor:<{_NAME}}{one.difference[column]:>+12.3f}{interval:>20}"
            + "".join(f"{p:>9.3f}" if p >= 0.001 else f"{'< 0.001':>9}" for p in tests)
        )
