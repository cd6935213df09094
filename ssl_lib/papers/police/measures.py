"""What is measured on a trained network, and the same tables as figures and claims read them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ssl_lib.geometry import Constrained, constrain, level_set, partition
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.affinity import affinity_error, errors
from ssl_lib.papers.police.own import merging
from ssl_lib.papers.police.recipes import Network, Recipe
from ssl_lib.papers.police.training import EARLY, Trained, data, exact, target, train
from ssl_lib.plotting import words

__all__ = [
    "COUNTS", "FITS", "KINDS", "MERGED", "SNAPSHOTS", "beside", "best_affine", "counts", "fields",
    "fit", "likeness", "measured", "of_network", "ranges", "ratios", "rings", "spans", "wide",
]  # fmt: skip

Row = tuple[str, float, float]

#: Of a polygon: linear regions inside it, segments of the exact zero set there, both parts of the
#: slope in its middle, regions in the square that is drawn, its area, that of the square's region
#: that holds its middle, error of affinity.
COUNTS = ("inside", "segments", "slope x", "slope y", "everywhere", "area", "cell area", "affinity")
#: At a step: the loss, and :func:`ssl_lib.papers.police.affinity.errors`.
SNAPSHOTS = ("loss", "float64", "float32", "free")
#: See :func:`fit`.
FITS = ("error inside", "error outside", "explained", "best affine", "enlarged")
#: What :func:`ssl_lib.papers.police.own.merging` returns, the share of hidden units whose bias
#: moved, and the largest shift when the merged network is constrained once more.
MERGED = ("parameters", "layers", "difference", "moved", "again")
KINDS = {True: "constrained", False: "unconstrained"}

FAR = 1.0
STEP = 0.25


def measured(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train the network of a cell and measure it.

    Parameters
    ----------
    config, cell : mapping
        As of :func:`ssl_lib.papers.police.training.train`.

    Returns
    -------
    pandas.DataFrame
        Columns measure, at, value. "early loss", the mean of the first ten; :data:`SNAPSHOTS` at
        steps; and what :func:`of_network` measures in the end.
    """
    network, sign = Network.of(cell), config["sign"]
    recipe: Recipe = config["recipes"][network.figure]
    rows: list[Row] = []
    early = []
    for step, loss, plain in train(config, cell):
        early += [loss.item()] if step < EARLY else []
        if step in recipe.keep:
            found = {"loss": loss.item()} | errors(plain, network.polygons[0], sign)
            rows += [(name, step, value) for name, value in found.items()]
    rows.append(("early loss", 0, sum(early) / len(early)))
    rows += of_network(Trained(network, recipe, recipe.steps, exact(plain), sign), cell["seed"])
    return pd.DataFrame(rows, columns=["measure", "at", "value"]).astype({"at": float})


def of_network(trained: Trained, seed: int) -> Iterator[Row]:
    """Measure a trained network, in float64; yield measure, at, value.

    At a polygon's number :data:`COUNTS`; of stars the accuracies; of a regression on one polygon
    :data:`FITS`, and "ring error" at the middle of each ring; of a constrained one :data:`MERGED`.
    """
    for number, row in enumerate(counts(trained)):
        yield from ((name, number, value) for name, value in row.items())
    if trained.network.problem == "stars":
        yield from _accuracies(trained, seed)
    elif len(trained.network.polygons) == 1:
        yield from ((name, 0, value) for name, value in fit(trained).items())
        yield from (("ring error", at, error) for at, error, _ in rings(trained).to_numpy())
    if isinstance(trained.model, Constrained):
        yield from ((name, 0, value) for name, value in _merging(trained, trained.model).items())


def counts(trained: Trained) -> list[dict[str, float]]:
    """Return :data:`COUNTS` of each polygon of a network's region."""
    return [
        dict(zip(COUNTS, _counts(trained, polygon), strict=True))
        for polygon in trained.network.polygons
    ]


def _counts(trained: Trained, polygon: Tensor) -> Iterator[float]:
    within, whole = partition(trained.flat, polygon), trained.partition
    cell = whole.locate(polygon.mean(0, keepdim=True))
    x, y = polygon.unbind(1)
    yield len(within)
    yield len(level_set(within, 0.0))
    yield from whole.slopes[cell][0, 0].tolist()
    yield len(whole)
    yield 0.5 * (x * y.roll(-1) - y * x.roll(-1)).sum().abs().item()
    yield whole.areas[cell].item()
    yield affinity_error(trained.flat, polygon)


def _accuracies(trained: Trained, seed: int) -> Iterator[Row]:
    points, labels = (part.double() for part in data(trained.network, trained.recipe, seed))
    right = ((trained.at(points) > 0) == (labels > 0)).double()
    within = problems.inside(points, trained.network.polygons[0])
    yield "accuracy inside", 0, right[within].mean().item()
    yield "accuracy outside", 0, right[~within].mean().item()


def fit(trained: Trained, side: int = 121) -> dict[str, float]:
    """Return mean squared errors on a grid finer than the training's, and what else FITS names.

    "explained" is the share of the target's variance that is explained farther than 1 from the
    region, "best affine" the least error inside that an affine function can have, "enlarged" the
    error of affinity on the region enlarged by a tenth.
    """
    (polygon,), points = trained.network.polygons, problems.grid(side)
    wanted = target(trained.network, trained.recipe, points)
    square = (trained.at(points) - wanted).square()
    away = problems.distance(points, polygon)
    within, far = away <= 0, away > FAR
    values = (
        square[within].mean().item(),
        square[~within].mean().item(),
        1 - square[far].mean().item() / wanted[far].var(correction=0).item(),
        best_affine(points[within], wanted[within]),
        affinity_error(trained.flat, problems.enlarged(polygon, 1.1)),
    )
    return dict(zip(FITS, values, strict=True))


def best_affine(points: Tensor, wanted: Tensor) -> float:
    """Mean squared error of the least-squares affine fit.

    Examples
    --------
    >>> points = problems.grid(5)
    >>> round(best_affine(points, points.sum(1) + 1), 12)
    0.0
    """
    columns = torch.cat([points, torch.ones_like(points[:, :1])], 1)
    solution = torch.linalg.lstsq(columns, wanted[:, None]).solution
    return float((columns @ solution - wanted[:, None]).square().mean())


def rings(trained: Trained, side: int = 161) -> pd.DataFrame:
    """Return the root mean squared error in rings 0.25 wide round the region.

    Columns distance (of the middle of a ring; negative inside), error, points.
    """
    points = problems.grid(side)
    square = (trained.at(points) - target(trained.network, trained.recipe, points)).square()
    away = problems.distance(points, trained.network.polygons[0])
    table = pd.DataFrame({"distance": (torch.floor(away / STEP) + 0.5) * STEP, "error": square})
    found = table.groupby("distance").error.agg(["mean", "size"]).reset_index()
    return found.assign(mean=found["mean"] ** 0.5).set_axis(["distance", "error", "points"], axis=1)


def _merging(trained: Trained, model: Constrained) -> dict[str, float]:
    shifts = torch.cat(list(model.shifts().values()))
    again = constrain(trained.flat, trained.network.polygons, sign=trained.sign).shifts()
    points = problems.grid(60, trained.network.half)
    return {
        **merging(trained.plain, model, points),
        "moved": (shifts != 0).double().mean().item(),
        "again": max(shift.abs().max().item() for shift in again.values()),
    }


def wide(table: pd.DataFrame, *measures: str, figure: str = "") -> pd.DataFrame:
    """Return some measures of the networks of a figure, or of all, from a table of cells.

    Columns figure, problem, region, network (for readers), constrained, seed, at, and the measures.
    """
    rows = table[table.measure.isin(measures)]
    rows = rows[rows.figure == figure] if figure else rows
    names = ["figure", "problem", "region", "constrained", "seed", "at"]
    shown = rows.pivot(index=names, columns="measure", values="value")[list(measures)]
    found = rows[names].drop_duplicates().merge(shown.reset_index(), on=names)
    region = found.region.replace("three", "three polygons")
    found.insert(3, "network", found.problem + " on " + region)
    return found


def fields(some: Sequence[Trained], side: int = 60) -> pd.DataFrame:
    """Evaluate networks on a coarse grid, for the data files of maps."""
    parts = []
    for one in some:
        names = {"network": one.network.title, "constrained": one.network.constrained}
        parts.append(pd.DataFrame({**names, "step": one.step, **one.field(side).round(4)}))
    return pd.concat(parts, ignore_index=True)


def ratios(rings: pd.DataFrame) -> pd.DataFrame:
    """Return by network its ring error as a multiple of its unconstrained twin's.

    Columns inside, and outside, farther than 1 from the region; means over rings and seeds.
    """
    places = {"inside": rings["at"] < 0, "outside": rings["at"] > FAR}
    found = {}
    for name, place in places.items():
        means = rings[place].groupby(["network", "constrained"], sort=False)["ring error"].mean()
        found[name] = means.xs(True, level=1) / means.xs(False, level=1)
    return pd.DataFrame(found)


def spans(table: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Return mean, least and largest of a column over seeds and whatever else is not in `by`."""
    found = table.groupby(by, sort=False)[value].agg(["mean", "min", "max"])
    return found.set_axis(["mean", "least", "largest"], axis=1).reset_index()


def ranges(
    table: pd.DataFrame, by: list[str], columns: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """Write the least and the largest of columns over seeds, for readers.

    Parameters
    ----------
    table : pandas.DataFrame
    by : list of str
        The columns that say what a row is about, whose texts come first.
    columns : mapping of str to tuple
        Title to column and format.

    Examples
    --------
    >>> table = pd.DataFrame({"constrained": True, "inside": [1, 3]})
    >>> ranges(table, ["constrained"], {"regions": ("inside", ".0f")}).to_dict("records")
    [{'constraint': 'constrained', 'regions': '1 to 3'}]
    """
    grouped = table.groupby(by, sort=False)
    shown = {
        title: grouped[name].agg(partial(words.spread, form=form))
        for title, (name, form) in columns.items()
    }
    found = pd.DataFrame(shown).reset_index()
    words_for = {"constrained": KINDS} if "constrained" in by else {}
    return found.replace(words_for).rename(columns={"constrained": "constraint"})


def likeness(explained: float) -> str:
    """Say how much a picture looks like its target, by the share of the variance explained.

    Examples
    --------
    >>> [likeness(share) for share in (0.99, 0.7, 0.1)]
    ['like', 'roughly like', 'unlike']
    """
    if explained >= 0.9:
        return "like"
    return "roughly like" if explained >= 0.5 else "unlike"


def beside(value: float, other: float, tolerance: float = 0.1) -> str:
    """Say where a line runs beside another.

    Examples
    --------
    >>> beside(2.0, 1.0), beside(1.0, 1.05), beside(1.0, 2.0)
    ('above', 'close to', 'below')
    """
    if abs(value - other) <= tolerance * max(abs(value), abs(other)):
        return "close to"
    return "above" if value > other else "below"
