"""Curves: over noise, steps, distances, batches, and along a family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.vicreg_info.brackets import BOUNDS
from ssl_lib.papers.vicreg_info.measures import above_entropy, over_seeds, shares
from ssl_lib.papers.vicreg_info.moons import REGIMES
from ssl_lib.papers.vicreg_info.normality import LAYERS
from ssl_lib.papers.vicreg_info.settings import LADDER, LOSSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "band", "batches", "bracket", "colour", "distances", "family", "moons", "noise", "training",
]  # fmt: skip

HUES, MARKERS = plotting.PALETTE, plotting.MARKERS
GREY = "#6E7681"
_PLACES = ("vicreg", "simclr", "logdet", "pairwise", "sigreg", "vicreg-3")
_SETS = {
    "digits": "digits, 64 pixels", "fashion-mnist": "Fashion-MNIST, 784",
    "cifar10": "CIFAR-10, 3,072", "tiny-imagenet": "TinyImageNet, 12,288",
}  # fmt: skip


def colour(name: str) -> int:
    """Return a loss's place in the palette, the same in all figures."""
    return _PLACES.index(name) if name in _PLACES else 6


def band(ax: Axes, rows: pd.DataFrame, x: str, place: int, label: str, **options: Any) -> None:
    """Draw a mean with its interval over seeds."""
    rows = rows.sort_values(x)
    ax.fill_between(rows[x], rows.low, rows.high, color=HUES[place], alpha=0.2, lw=0)
    ax.plot(rows[x], rows["mean"], color=HUES[place], marker=MARKERS[place], ms=4, label=label,
            **options)  # fmt: skip


def _one(height: float = 3.4) -> tuple[Figure, Axes]:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(plotting.WIDTH, height))


def _legend(fig: Figure, ax: Axes, columns: int) -> None:
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=9)


def _by_loss(ax: Axes, table: pd.DataFrame, x: str) -> None:
    for name in dict.fromkeys(table.loss):
        rows = over_seeds(table[table.loss == name], [x])
        band(ax, rows, x, colour(name), LOSSES[name].title)


@plotting.style()
def noise(table: pd.DataFrame) -> Figure:
    """Draw what passes the test of normality, and what stays in its region, against the noise."""
    fig, axes = plotting.small_multiples(3, columns=1, height=1.9)
    control = table[table.part == "control"].value.mean()
    for ax, (layer, title) in zip(axes, LAYERS.items(), strict=False):
        _by_loss(ax, shares(table, layer), "at")
        ax.axhline(control, color=GREY, ls="--", lw=1.2, marker="", label="normal numbers")
        ax.set_title(f"coordinates that pass: {title}")
    _by_loss(axes[2], shares(table, "network", "same region"), "at")
    axes[2].set_title("noisy copies in the linear region of their image")
    axes[1].set_ylabel("share")
    axes[2].set(xscale="log", xlabel="standard deviation of the noise, pixels in [0, 1]",
                ylim=(-0.04, 1.06))  # fmt: skip
    _legend(fig, axes[0], 3)
    return fig


@plotting.style()
def training(table: pd.DataFrame) -> Figure:
    """Draw the entropy of test embeddings along training."""
    fig, ax = _one(3.6)
    _by_loss(ax, table[table.measure == "entropy"], "step")
    ax.set(xlabel="step", ylabel="LogDet entropy, nats")
    _legend(fig, ax, 3)
    return fig


@plotting.style()
def bracket(table: pd.DataFrame, dimensions: int) -> Figure:
    """Draw by loss how far each bound lies from the entropy along training."""
    found = above_entropy(table, dimensions)
    names = list(dict.fromkeys(found.loss))
    fig, axes = plotting.small_multiples(len(names), columns=2, height=1.8)
    for ax, name in zip(axes, names, strict=True):
        own = found[found.loss == name]
        ax.axhline(0, color=GREY, lw=1.2, marker="", label=BOUNDS["monte_carlo"])
        for place, bound in enumerate(dict.fromkeys(own.measure)):
            rows = over_seeds(own[own.measure == bound], ["step"])
            band(ax, rows, "step", place, BOUNDS[bound])
        ax.set_title(LOSSES[name].title)
    fig.supylabel("bound less entropy, nats a dimension", fontsize=10)
    fig.supxlabel("step", fontsize=10)
    _legend(fig, axes[0], 3)
    return fig


@plotting.style()
def family(table: pd.DataFrame) -> Figure:
    """Draw entropy and bounds of a family of mixtures along which the Gaussian bound rises."""
    fig, ax = _one(3.2)
    titles = {"gaussian": "Gaussian", "kl": "KL", "exact": "entropy", "bhattacharyya": "Bh."}
    styles = ("-", "--", "-", ":")
    for place, (name, title) in enumerate(titles.items()):
        ax.plot(table.time, table[name], color=HUES[place], ls=styles[place], marker="",
                label=title)  # fmt: skip
    ax.set(xlabel="time: centres move apart, components shrink", ylabel="nats")
    plotting.direct_labels(ax)
    return fig


@plotting.style()
def distances(table: pd.DataFrame, passing: float) -> Figure:
    """Draw the share of images whose noise ball touches another's, against the noise.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns data, measure, at, value.
    passing : float
        The noise up to which outputs pass for Gaussian.
    """
    fig, ax = _one(3.5)
    own = table[table.measure == "touching"]
    for place, name in enumerate(dict.fromkeys(own.data)):
        rows = own[own.data == name].sort_values("at")
        ax.plot(rows.value.clip(lower=1e-4), rows["at"], color=HUES[place], marker="", lw=2,
                ls=("-", "--", "-.", ":")[place % 4], label=_SETS.get(name, name))  # fmt: skip
    ax.axvline(passing, color=GREY, ls="--", lw=1.2, marker="")
    ax.set(xscale="log", ylim=(-0.02, 1.02), ylabel="share of images that touch another")
    ax.set_xlabel("standard deviation of the noise, pixels in [0, 1]")
    ax.xaxis.set_minor_formatter("")
    _legend(fig, ax, 2)
    return fig


@plotting.style()
def moons(table: pd.DataFrame) -> Figure:
    """Draw the entropy of the centres along the fit in each regime."""
    fig, ax = _one(3.4)
    for place, (name, regime) in enumerate(REGIMES.items()):
        rows = over_seeds(table[table.regime == name], ["step"], "entropy")
        band(ax, rows, "step", place, regime.title)
    ax.set(xlabel="step", ylabel="entropy of the centres, nats")
    _legend(fig, ax, 2)
    return fig


@plotting.style()
def batches(table: pd.DataFrame) -> Figure:
    """Draw accuracy against the size of the batch for each rung, as tuned."""
    fig, ax = _one(3.4)
    part = table[table.measure == "accuracy"].assign(value=lambda rows: 100 * rows.value)
    sizes = sorted(part.batch.unique())
    for name in [rung for rung in LADDER if rung in set(part.rung)]:
        rows = over_seeds(part[part.rung == name], ["batch"])
        band(ax, rows, "batch", colour(name), LADDER[name].loss.title)
    ax.set(xscale="log", xlabel="images in a batch", ylabel="accuracy, %")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set_xticks([], minor=True)
    _legend(fig, ax, 2)
    return fig
