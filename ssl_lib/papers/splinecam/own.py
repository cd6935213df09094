"""Regions, boundary and affine maps of a network of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from ssl_lib.arguments import ArrayLike
from ssl_lib.geometry import (
    Boundary,
    Partition,
    Slice,
    completeness,
    decision_boundary,
    explore,
    partition,
    table,
)  # fmt: skip
from ssl_lib.markup import Markup
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.figures import marks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Look", "look"]


@dataclass(frozen=True, eq=False)
class Look:
    """A network's regions in a polygon, and where its largest output changes.

    Attributes
    ----------
    regions : Partition
    boundary : Boundary
    outputs : tuple of str
        Names of the network's outputs.
    """

    regions: Partition
    boundary: Boundary
    outputs: tuple[str, ...]

    def shapes(self) -> pd.DataFrame:
        """Return a table of shapes (:mod:`ssl_lib.papers.splinecam.shapes`)."""
        return shapes.table(shapes.picture(self.regions, "own", self.boundary))

    def maps(self) -> pd.DataFrame:
        """Return one row a region: what `ssl_lib.geometry.table` has, and the affine maps."""
        columns = {
            f"{name}, {part}": self.regions.outputs[:, place, output].numpy()
            for output, name in enumerate(self.outputs)
            for place, part in enumerate(("times x", "times y", "plus"))
        }
        return table(self.regions).assign(**columns)

    def numbers(self) -> dict[str, float]:
        """Return regions, mean slope, length of the boundary, and the checks of the regions."""
        return shapes.measure(self.regions, self.boundary) | completeness(self.regions)

    def page(self, *, twin: str) -> Markup:
        """Return the regions to point at, in the colours of the chapter's figures."""
        norms = self.regions.slope_norms.numpy()
        return explore(
            self.regions,
            twin=twin,
            boundary=self.boundary,
            outputs=self.outputs,
            color=marks.scaled(norms, *marks.slope_limits(norms)),
            cmap=marks.colormap(),
        )


def look(model: nn.Module, where: Slice | ArrayLike, *, outputs: Sequence[str] = ()) -> Look:
    """Find all regions of a network in a polygon, and its decision boundary.

    Parameters
    ----------
    model : nn.Module
        Piecewise linear, in evaluation mode; see :func:`ssl_lib.geometry.partition`.
    where : Slice or array-like of shape (n, 2)
        A polygon in a plane of the inputs (:func:`ssl_lib.geometry.slice_through`), or of the
        network's own two inputs (:func:`ssl_lib.geometry.box`).
    outputs : sequence of str
        Names of the outputs; by default numbers.

    Returns
    -------
    Look

    Examples
    --------
    >>> from ssl_lib.geometry import box
    >>> from ssl_lib.papers.splinecam.networks import relu_network
    >>> found = look(relu_network((2, 8, 3), seed=0).eval(), box(-9, 9, -9, 9))
    >>> found.numbers()["repeated_codes"], list(found.maps())[-3:]
    (0, ['2, times x', '2, times y', '2, plus'])
    """
    found = partition(model, where)
    names = tuple(outputs) or tuple(map(str, range(found.outputs.shape[2])))
    return Look(found, decision_boundary(found), names)
