"""Figures about losses on points, K-means, prototypes alone and factors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.cluster_prior import identities as compared
from ssl_lib.papers.cluster_prior import measures, mixtures, prototypes
from ssl_lib.papers.cluster_prior.factors import MODELS
from ssl_lib.papers.cluster_prior.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["factors", "fixed", "gaussians", "identities", "kmeans", "prior"]


_GLYPHS = {"even": "even glyph", "rare": "rare glyph"}


@plotting.style()
def prior(table: pd.DataFrame) -> Figure:
    """Draw every loss against the share of the largest cluster, each over its own range.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.cluster_prior.losses.curves`.
    """
    fig, (ax,) = marks.panels(height=3.9)
    for place, (name, own) in enumerate(table.groupby("loss", sort=False)):
        thick = 3.2 if name == "PMSN" else 1.4
        value = own.value / own.value.abs().max()
        style = marks.look(place) | {"markevery": (place, 8), "linewidth": thick}
        ax.plot(own.share, value, label=str(name), **style)
    ax.axhline(0, color=marks.GREY, linewidth=1, linestyle="--", zorder=0)
    ax.set_ylim(-1.1, 1.1)
    ax.set_xlabel("share of the largest of ten clusters")
    ax.set_ylabel("loss less that at equal shares,\nover its largest size")
    marks.legend(fig, ax, columns=3)
    return fig


@plotting.style()
def gaussians(points: np.ndarray, clusters: dict[str, np.ndarray]) -> Figure:
    """Draw points of three Gaussians once by each way to divide them.

    Parameters
    ----------
    points : numpy.ndarray of shape (n, 2)
    clusters : dict of str to numpy.ndarray of shape (n,)
        By title.
    """
    fig, axes = marks.panels(2, 2, height=4.8, sharex=True, sharey=True)
    for ax, (title, own) in zip(axes, clusters.items(), strict=True):
        for place, cluster in enumerate(np.argsort(-np.bincount(own))):
            at = points[own == cluster]
            style = marks.look(place) | {"linestyle": "", "markersize": 2.5}
            ax.plot(at[:, 0], at[:, 1], rasterized=True, **style)
        ax.set_title(title)
        ax.set_aspect("equal")
    return fig


@plotting.style()
def kmeans(plane: pd.DataFrame, digits: pd.DataFrame) -> Figure:
    """Draw the share of the largest cluster that was found against the true one.

    Parameters
    ----------
    plane, digits : pandas.DataFrame
        The tables ``gaussians`` and ``kmeans``.
    """
    fig, axes = marks.panels(1, 2, height=3.3, sharey=True)
    for place, (model, title) in enumerate(mixtures.MODELS.items()):
        _shares(axes[0], plane[plane.model == model], "ratio", place, title)
    _shares(axes[1], digits, "exponent", 0)
    for ax, title in zip(axes, ("three Gaussians", "digits, ten clusters"), strict=True):
        ax.plot([0, 1], [0, 1], color=marks.GREY, linewidth=1, linestyle="--", zorder=0)
        ax.set_title(title)
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.set_xlabel("largest share, true")
    axes[0].set_ylabel("largest share, found")
    marks.legend(fig, axes[0], columns=2)
    return fig


def _shares(ax: Axes, table: pd.DataFrame, by: str, place: int, label: str = "_") -> None:
    found = measures.summary(measures.by(table, [by], "largest"))
    true = measures.by(table, [by], "true").mean()
    marks.line(ax, found.assign(true=true), "true", place, label)


@plotting.style()
def identities(table: pd.DataFrame) -> Figure:
    """Draw the difference of every pair of forms, a dot a draw.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``identities``.
    """
    fig, (ax,) = marks.panels(height=3.2)
    for row, name in enumerate(compared.CHECKS):
        own = table[table.check == name].difference.clip(lower=1e-17)
        style = marks.look(0) | {"linestyle": "", "alpha": 0.5}
        ax.plot(own, np.full(len(own), row), **style)
    ax.set_yticks(range(len(compared.CHECKS)), list(compared.CHECKS.values()))
    ax.tick_params(axis="y", labelsize=9)
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlabel("relative difference")
    return fig


@plotting.style()
def fixed(table: pd.DataFrame) -> Figure:
    """Draw agreement with the classes and the largest share by the tail's exponent.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``fixed``.
    """
    fig, axes = marks.panels(2, 1, height=4.8, sharex=True)
    names = {"agreement": "adjusted Rand index", "largest": "share of the\nlargest cluster"}
    for ax, (column, title) in zip(axes, names.items(), strict=True):
        found = measures.summary(measures.by(table, ["exponent", "model"], column)).reset_index()
        for place, (model, label) in enumerate(prototypes.MODELS.items()):
            marks.line(ax, found[found.model == model], "exponent", place, label)
        ax.set_ylabel(title)
    axes[1].set_xlabel("exponent of the class sizes")
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def factors(table: pd.DataFrame) -> Figure:
    """Draw which glyph the prototypes follow under each prior.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``factors``.
    """
    exponents = list(table.exponent.unique())
    fig, axes = marks.panels(len(exponents), 1, height=1.2 + 1.5 * len(exponents), sharex=True)
    for ax, exponent in zip(axes, exponents, strict=True):
        part = table[table.exponent == exponent]
        for place, (column, label) in enumerate(_GLYPHS.items()):
            found = measures.summary(measures.by(part, ["model"], column)).loc[list(MODELS)]
            ends = (found[end].tolist() for end in ("mean", "low", "high"))
            plotting.intervals(ax, list(MODELS.values()), *ends, series=place, of=2, label=label)
        ax.set_title(f"rare glyph of exponent {exponent:g}")
    axes[-1].set_xlabel("normalised mutual information with prototypes")
    marks.legend(fig, axes[0])
    return fig
