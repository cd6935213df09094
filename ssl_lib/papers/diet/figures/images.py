"""Figures about drawn shapes, photographs and images of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from ssl_lib import plotting
from ssl_lib.papers.diet.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["factors", "own", "photographs"]


@plotting.style()
def factors(table: pd.DataFrame) -> Figure:
    """Draw how well each method's features tell each factor.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.factors`.
    """
    fig, (ax,) = marks.panels(height=3.4)
    plotting.heatmap(ax, table.clip(lower=0), limit=1.0)
    ax.tick_params(axis="x", rotation=35)
    return fig


@plotting.style()
def photographs(table: pd.DataFrame) -> Figure:
    """Draw accuracy with few labels by views of each image, a panel a set and a line a training.

    Trainings of one method have one colour.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.by_views`.
    """
    sets = list(dict.fromkeys(table.images))
    fig, axes = marks.panels(len(sets), 1, height=0.8 + 2.6 * len(sets), sharex=True)
    places = {method: place for place, method in enumerate(dict.fromkeys(table.method))}
    for ax, name in zip(axes, sets, strict=True):
        for method, own in table[table.images == name].groupby("method", sort=False):
            for line, (title, part) in enumerate(own.groupby("title", sort=False)):
                _by_views(ax, part, str(title), places[str(method)], ("-", "--", ":")[line])
        ax.set(title=name, ylabel="accuracy, %", xscale="log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    axes[-1].set_xlabel("views of each image")
    marks.legend(fig, axes[0], columns=3)
    return fig


def _by_views(ax: Axes, part: pd.DataFrame, title: str, place: int, style: str) -> None:
    """Draw a line over views, or a level one for what is not trained."""
    if len(part) == 1:
        level = "--" if place else ":"
        ax.axhline(part.accuracy.item(), color=marks.GREY, linestyle=level, label=title)
    else:
        ax.plot(part["views"], part.accuracy, label=title, **marks.look(place) | {"ls": style})


@plotting.style()
def own(images: torch.Tensor, chosen: list[int], nearest: torch.Tensor) -> Figure:
    """Draw images, each followed by those whose rows are nearest.

    Parameters
    ----------
    images : torch.Tensor of shape (n, c, h, w)
    chosen : list of int
        The first of each row.
    nearest : torch.Tensor of shape (len(chosen), k)
        Positions of the others.
    """
    count = nearest.shape[1] + 1
    fig, axes = marks.panels(len(chosen), count, height=0.62 * len(chosen) + 0.2)
    shown = [[first, *others] for first, others in zip(chosen, nearest.tolist(), strict=True)]
    for ax, place in zip(axes, [place for row in shown for place in row], strict=True):
        picture = images[place].permute(1, 2, 0).cpu().numpy()
        ax.imshow(picture.squeeze(), cmap="gray" if picture.shape[2] == 1 else None)
        ax.set_axis_off()
    return fig
