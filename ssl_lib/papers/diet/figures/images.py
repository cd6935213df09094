"""Figures about drawn shapes, photographs and images of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from ssl_lib import plotting
from ssl_lib.papers.diet.figures import _marks as marks

if TYPE_CHECKING:
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
def photographs(curves: pd.DataFrame) -> Figure:
    """Draw accuracy with few labels by views of each image, a line a method.

    Parameters
    ----------
    curves : pandas.DataFrame
        A table of photographs.
    """
    fig, (ax,) = marks.panels(height=3.4)
    part = curves[curves.measure == "accuracy at"]
    for place, (name, own) in enumerate(part.groupby("method", sort=False)):
        mean = 100 * own.groupby("at").value.mean()
        ax.plot(mean.index, mean, label=str(name), **marks.look(place))
    last = curves[(curves.measure == "accuracy") & (curves["at"] == 10)]
    for style, name in zip(("--", ":"), ("pixels", "untrained"), strict=True):
        level = 100 * last[last.method == name].value.mean()
        ax.axhline(level, color=marks.GREY, linewidth=1, linestyle=style, label=name)
    ax.set_xlabel("views of each image")
    ax.set_ylabel("accuracy, %")
    marks.legend(fig, ax, columns=3)
    return fig


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
