"""Dots with intervals: methods, networks and metrics beside each other."""

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.minimal_variations.images import LABELS, METRICS, SCALES
from ssl_lib.papers.minimal_variations.measures import means
from ssl_lib.papers.minimal_variations.moons import CUTS
from ssl_lib.papers.minimal_variations.networks import LOSSES, WORLDS
from ssl_lib.papers.minimal_variations.variants import METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["metric", "networks", "unification"]


@plotting.style()
def unification(table: pd.DataFrame) -> "Figure":
    """Draw each method's misalignment, 1 less the alignment, at each cut, on a log scale."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.4))
    rows = table[table.measure == "alignment"]
    spread = means(rows.assign(value=1 - rows.value), ["method", "at"])
    titles = [method.title for method in METHODS.values()]
    for series, cut in enumerate(CUTS):
        part = spread[spread["at"] == cut].set_index("method").loc[list(METHODS)]
        low = part.low.clip(lower=part["mean"] / 10)
        plotting.intervals(
            ax, titles, part["mean"].to_list(), low.to_list(), part.high.to_list(),
            series=series, of=len(CUTS), label=f"{cut} functions",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlabel("1 − alignment with least energy")
    fig.legend(loc="outside upper left", ncols=3)
    return fig


@plotting.style()
def networks(table: pd.DataFrame, untrained: pd.DataFrame) -> "Figure":
    """Draw alignments of networks, of leading components, also untrained, and of all outputs."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.6))
    names = [
        f"{loss.title}, {world.title}" for world in WORLDS.values() for loss in LOSSES.values()
    ]
    order = [(loss, world) for world in WORLDS for loss in LOSSES]
    kinds = {
        "leading components": table[table.measure == "alignment"],
        "all outputs": table[table.measure == "whole"],
        "leading components before training": untrained[untrained.measure == "alignment"],
    }
    for series, (title, rows) in enumerate(kinds.items()):
        part = means(rows, ["loss", "world"]).set_index(["loss", "world"]).loc[order]
        ends = part.low.to_list(), part.high.to_list()
        plotting.intervals(ax, names, part["mean"].to_list(), *ends, series=series,
                           of=len(kinds), label=title, reference=0.9)  # fmt: skip
    ax.set_xlabel("alignment with the exact functions")
    fig.legend(loc="outside upper left", ncols=2)
    return fig


@plotting.style()
def metric(tables: Mapping[str, pd.DataFrame]) -> "Figure":
    """Draw accuracies by what functions should not change along, two panels a set of images."""
    fig, axes = plotting.small_multiples(2 * len(tables), columns=1, height=2.1)
    panels = product(tables.items(), {"accuracy": "as they are", "shifted": "moved"}.items())
    for ax, ((name, table), (measure, title)) in zip(axes, panels, strict=True):
        rows = table[np.isclose(table.scale, SCALES[0]) & (table.measure == measure)]
        _by_labels(ax, rows)
        ax.set_title(f"{name}, {title}")
    axes[-1].set_xlabel("accuracy")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=2)
    return fig


def _by_labels(ax: "Axes", rows: pd.DataFrame) -> None:
    names = [one.title for one in METRICS]
    for series, count in enumerate(LABELS):
        part = means(rows[rows["at"] == count], ["metric"]).set_index("metric")
        part = part.loc[[one.name for one in METRICS]]
        ends = part.low.to_list(), part.high.to_list()
        plotting.intervals(ax, names, part["mean"].to_list(), *ends, series=series,
                           of=len(LABELS), label=f"{count} labels")  # fmt: skip
