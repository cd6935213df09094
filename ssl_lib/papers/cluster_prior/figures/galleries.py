"""Pictures of what prototypes stand for, and how often each is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib import plotting
from ssl_lib.evaluation.clusters import majority_classes
from ssl_lib.papers.cluster_prior import measures
from ssl_lib.papers.cluster_prior.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["galleries", "own", "usage"]

_SIZE, _GAP = 5, 4  # of a pixel, and between images, in pixels of the mosaic
_LEAST = 1e-3  # share that is drawn


@plotting.style()
def galleries(table: pd.DataFrame, images: Mapping[str, Tensor], *, rows: int = 8) -> Figure:
    """Draw the images most probable under the most used prototypes, a block a model.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``galleries``, of which the first seed is shown.
    images : mapping of str to torch.Tensor of shape (n, c, h, w)
        The training images of that seed by the model's name, in [0, 1].
    rows : int, default=8
        Prototypes of a model.
    """
    fig, axes = marks.panels((len(images) + 1) // 2, 2, height=0.4 + 1.2 * len(images))
    for ax, (name, own_images) in zip(axes, images.items(), strict=True):
        found = measures.gallery(table, name, rows)
        _block(ax, own_images[found.images], found.usage)
        line = torch.arange(len(found.classes)).repeat_interleave(found.classes.shape[1])
        majority = majority_classes(found.classes.flatten(), line)
        for row, column in (found.classes != majority[:, None]).nonzero().tolist():
            _frame(ax, row, column)
        ax.set_title(measures.titled(name), fontsize=9)
    return fig


@plotting.style()
def own(images: Tensor, nearest: Tensor, usage: Tensor) -> Figure:
    """Draw the images nearest to each prototype, a row a prototype, the most used first.

    Parameters
    ----------
    images : torch.Tensor of shape (n, c, h, w)
        In [0, 1].
    nearest : torch.Tensor of shape (rows, k)
        Positions of images.
    usage : torch.Tensor of shape (rows,)
        Shares of the images.
    """
    fig, (ax,) = marks.panels(height=0.5 * len(nearest) + 0.2)
    _block(ax, images[nearest], usage)
    return fig


def _block(ax: Axes, images: Tensor, usage: Tensor) -> None:
    """Draw images, (rows, columns, c, h, w), one unit each, with a share before each row."""
    rows, columns = images.shape[:2]
    ax.imshow(mosaic(images).numpy(), extent=(0, columns, rows, 0), interpolation="nearest")
    ax.set_yticks([row + 0.5 for row in range(rows)], [f"{share:.0%}" for share in usage.tolist()])
    ax.set_xticks([])
    ax.tick_params(length=0, labelsize=9)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def mosaic(images: Tensor) -> Tensor:
    """Put images of rows and columns into one, with gaps that are clear.

    Parameters
    ----------
    images : torch.Tensor of shape (rows, columns, c, h, w)
        In [0, 1]; c is 1 or 3.

    Returns
    -------
    torch.Tensor of shape (height, width, 4)

    Examples
    --------
    >>> mosaic(torch.ones(2, 3, 1, 8, 8)).shape
    torch.Size([88, 132, 4])
    """
    large = images.repeat_interleave(_SIZE, 3).repeat_interleave(_SIZE, 4).cpu()
    rows, columns, _, height, width = large.shape
    opaque = torch.ones(rows, columns, 1, height, width)
    tiles = torch.cat([large.expand(-1, -1, 3, -1, -1), opaque], dim=2)
    tiles = functional.pad(tiles, (0, _GAP, 0, _GAP)).permute(0, 3, 1, 4, 2)
    return tiles.reshape(rows * (height + _GAP), columns * (width + _GAP), 4)


def _frame(ax: Axes, row: int, column: int) -> None:
    from matplotlib.patches import Rectangle

    side = 1 - _GAP / (8 * _SIZE + _GAP)
    ax.add_patch(Rectangle((column, row), side, side, fill=False, linewidth=1.6,
                           edgecolor=plotting.PALETTE[1], clip_on=False))  # fmt: skip


@plotting.style()
def usage(table: pd.DataFrame) -> Figure:
    """Draw how often prototypes are used beside the prior, both in falling order.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.cluster_prior.measures.usage`.
    """
    runs = list(dict.fromkeys(table.model))
    fig, axes = marks.panels(len(runs) // 2, 2, height=6.4, sharex=True, sharey=True)
    axes = [*axes[::2], *axes[1::2]]
    titles = {"soft": "mean prediction", "hard": "share of images"}
    for ax, name in zip(axes, runs, strict=True):
        own_rows = table[table.model == name]
        for place, (measure, title) in enumerate(titles.items()):
            _falling(ax, own_rows[own_rows.measure == measure], place, title)
        one = own_rows[own_rows.measure == "soft"]
        ax.plot(one["rank"], one.prior, color=marks.GREY, linestyle="--", marker="", label="prior")
        ax.set_title(measures.titled(name), fontsize=9)
    _logarithmic(axes, int(table["rank"].max()))
    fig.supxlabel("rank of the prototype", fontsize=11)
    fig.supylabel("share", fontsize=11)
    marks.legend(fig, axes[0], columns=3)
    return fig


def _falling(ax: Axes, part: pd.DataFrame, place: int, label: str) -> None:
    """Draw means, and intervals as far as the axis goes."""
    part = part[part["mean"] >= _LEAST]
    marks.line(ax, part.assign(low=part.low.clip(lower=_LEAST)), "rank", place, label)


def _logarithmic(axes: list[Axes], most: int) -> None:
    ranks = [rank for rank in (1, 2, 4, 8, 16, 32, 64) if rank <= most]
    for ax in axes:
        ax.set(xscale="log", yscale="log", ylim=(_LEAST, 1))
        ax.minorticks_off()
        ax.set_xticks(ranks, [str(rank) for rank in ranks])
