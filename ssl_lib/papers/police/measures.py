"""What is measured on trained networks; each function reads the table of weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.geometry import Constrained, Partition, box, constrain, level_set, partition
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.affinity import affinity_error, largest_difference
from ssl_lib.papers.police.training import Run, constrained, data, normalised, restore

__all__ = [
    "accuracies",
    "affinities",
    "by_distance",
    "fields",
    "fits",
    "merging",
    "regions",
    "snapshots",
    "view",
]

HALF = {"stars": 1.8}
FAR = 1.0
STEP = 0.25


def view(run: Run) -> float:
    """Half the side of the square that is drawn: 1.8 for Figure 1, 4 for Figure 2."""
    return HALF.get(run.problem, 4.0)


@torch.no_grad()
def _on(model: nn.Module, points: Tensor) -> Tensor:
    output: Tensor = model(points)[:, 0]
    return output


def _plain(weights: pd.DataFrame, run: Run, sign: Any, step: int | None = None) -> nn.Module:
    """Return the network of a run, the shifts of a constrained one merged."""
    model = constrained(weights, run, step, sign=sign)
    return model.merge() if isinstance(model, Constrained) else model


def fields(
    weights: pd.DataFrame, runs: Sequence[Run], *, side: int, sign: Any, steps: Sequence[int] = ()
) -> pd.DataFrame:
    """Evaluate networks on a grid, for pictures.

    Parameters
    ----------
    weights : pandas.DataFrame
        From :func:`ssl_lib.papers.police.training.train_all`.
    runs : sequence of Run
    side : int
        Points along a side.
    sign : {"majority", "smallest"}
    steps : sequence of int
        By default the last.

    Returns
    -------
    pandas.DataFrame
        Columns run, step, x, y, value and, for a regression, target.
    """
    parts = []
    for run in runs:
        points = problems.grid(side, view(run))
        base = pd.DataFrame({"run": run.name, "x": points[:, 0], "y": points[:, 1]})
        if run.problem != "stars":
            base["target"] = normalised(run, points).numpy()
        for step in steps or [run.steps]:
            value = _on(_plain(weights, run, sign, step), points).numpy()
            parts.append(base.assign(step=step, value=value))
    return pd.concat(parts, ignore_index=True)


def accuracies(weights: pd.DataFrame, runs: Sequence[Run], *, seed: int, sign: Any) -> pd.DataFrame:
    """Share of training points that are classified correctly inside and outside the region.

    Returns
    -------
    pandas.DataFrame
        Columns run, inside, outside, n_inside, n_outside.
    """
    rows = []
    for run in runs:
        points, labels = (part.double() for part in data(run, seed))
        right = ((_on(_plain(weights, run, sign), points) > 0) == (labels > 0)).double()
        within = problems.inside(points, problems.region(run.region))
        rows.append({
            "run": run.name, "inside": right[within].mean().item(),
            "outside": right[~within].mean().item(),
            "n_inside": int(within.sum()), "n_outside": int((~within).sum()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def fits(weights: pd.DataFrame, runs: Sequence[Run], *, sign: Any, side: int = 121) -> pd.DataFrame:
    """Mean squared errors inside and outside the regions, and what an affine function can reach.

    Parameters
    ----------
    weights, runs, sign
        As :func:`fields`.
    side : int
        Points along a side of the grid on which errors are measured, finer than the training's.

    Returns
    -------
    pandas.DataFrame
        Columns target, region, model ("constrained" or "free"), inside, outside, far (farther than
        1 from the region), best_affine (the least possible inside for an affine function),
        variance_far (of the target there), explained_far (1 - far / variance_far), affinity
        (error of affinity in float64) and affinity_enlarged (on the region enlarged by a tenth).
    """
    return pd.DataFrame([_fit(weights, run, sign, side) for run in runs])


def _fit(weights: pd.DataFrame, run: Run, sign: Any, side: int) -> dict[str, Any]:
    vertices, points = problems.region(run.region), problems.grid(side)
    wanted, model = normalised(run, points), _plain(weights, run, sign)
    square = (_on(model, points) - wanted).square()
    away = problems.distance(points, vertices)
    within, far = away <= 0, away > FAR
    spread = wanted[far].var(correction=0).item()
    return {
        "target": run.problem, "region": run.region,
        "model": "constrained" if run.constrained else "free",
        "inside": square[within].mean().item(), "outside": square[~within].mean().item(),
        "far": square[far].mean().item(), "variance_far": spread,
        "explained_far": 1 - square[far].mean().item() / spread,
        "best_affine": best_affine(points[within], wanted[within]),
        "affinity": affinity_error(model, vertices),
        "affinity_enlarged": affinity_error(model, problems.enlarged(vertices, 1.1)),
    }  # fmt: skip


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


def by_distance(
    weights: pd.DataFrame, runs: Sequence[Run], *, sign: Any, side: int = 161
) -> pd.DataFrame:
    """Root mean squared error in rings round the region.

    Returns
    -------
    pandas.DataFrame
        Columns target, region, model, distance (the middle of a ring 0.25 wide; negative inside),
        error, n.
    """
    return pd.concat([_rings(weights, run, sign, side) for run in runs], ignore_index=True)


def _rings(weights: pd.DataFrame, run: Run, sign: Any, side: int) -> pd.DataFrame:
    points = problems.grid(side)
    square = (_on(_plain(weights, run, sign), points) - normalised(run, points)).square()
    away = problems.distance(points, problems.region(run.region))
    ring = (torch.floor(away / STEP) + 0.5) * STEP
    table = pd.DataFrame({"distance": ring, "square": square})
    grouped = table.groupby("distance").square.agg(["mean", "size"]).reset_index()
    return pd.DataFrame({
        "target": run.problem, "region": run.region,
        "model": "constrained" if run.constrained else "free",
        "distance": grouped.distance, "error": grouped["mean"] ** 0.5, "n": grouped["size"],
    })  # fmt: skip


def snapshots(weights: pd.DataFrame, run: Run, *, sign: Any) -> pd.DataFrame:
    """Follow a constrained training: its loss, and the error of affinity in two precisions.

    Returns
    -------
    pandas.DataFrame
        Columns step, loss, float64, float32, and free: the error of the same weights when the
        constraint is taken away.
    """
    vertices = problems.region(run.region)
    losses = weights[weights.run == run.name].groupby("step").loss.first()
    rows = []
    for step, loss in zip(losses.index.tolist(), losses, strict=True):
        plain = restore(weights, run, step)
        free = affinity_error(plain, vertices)
        exact = affinity_error(constrain(plain, vertices, sign=sign), vertices)
        single = affinity_error(constrain(plain.float(), vertices, sign=sign), vertices.float())
        rows.append({"step": step, "loss": loss, "float64": exact, "float32": single, "free": free})
    return pd.DataFrame(rows)


def merging(weights: pd.DataFrame, runs: Sequence[Run], *, sign: Any) -> pd.DataFrame:
    """Compare merged networks with the constrained and the plain ones.

    Returns
    -------
    pandas.DataFrame
        Columns run, parameters and layers (of the merged network beyond the plain one), moved
        (share of the hidden units whose bias changes), difference (of outputs from the constrained
        network, relative to the largest), again (largest shift when the merged network is
        constrained once more).
    """
    rows = []
    for run in runs:
        plain, model = restore(weights, run), constrained(weights, run, sign=sign)
        assert isinstance(model, Constrained)
        merged, shifts = model.merge(), torch.cat(list(model.shifts().values()))
        again = constrain(merged, problems.polygons(run.region), sign=sign).shifts()
        rows.append({
            "run": run.name,
            "parameters": _size(merged) - _size(plain),
            "layers": len(list(merged.modules())) - len(list(plain.modules())),
            "moved": (shifts != 0).double().mean().item(),
            "difference": largest_difference(merged, model, problems.grid(60, view(run))),
            "again": max(shift.abs().max().item() for shift in again.values()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def affinities(weights: pd.DataFrame, run: Run, *, sign: Any) -> list[float]:
    """Return the error of affinity of a run's network on each of its polygons, float64."""
    model = _plain(weights, run, sign)
    return [affinity_error(model, polygon) for polygon in problems.polygons(run.region)]


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def regions(
    weights: pd.DataFrame, runs: Sequence[Run], *, sign: Any
) -> tuple[pd.DataFrame, Mapping[str, Partition]]:
    """Count linear regions, exactly, and hand over the partitions of the square that is drawn.

    Returns
    -------
    table : pandas.DataFrame
        One row a run and polygon: run, polygon (its number), inside (linear regions in the
        polygon), segments (of the exact zero set in it), slope_x, slope_y (of the affine map at
        the polygon's middle), everywhere (regions in the square), cell_area and area (of the
        square's region that holds the middle, and of the polygon).
    partitions : mapping of str to Partition
    """
    rows, found = [], {}
    for run in runs:
        model = _plain(weights, run, sign)
        half = view(run)
        whole = found[run.name] = partition(model, box(-half, half, -half, half))
        for number, polygon in enumerate(problems.polygons(run.region)):
            rows.append({"run": run.name, "polygon": number} | _look(model, polygon, whole))
    return pd.DataFrame(rows), found


def _look(model: nn.Module, polygon: Tensor, whole: Partition) -> dict[str, Any]:
    within = partition(model, polygon)
    cell = whole.locate(polygon.mean(0, keepdim=True))
    slope = whole.slopes[cell][0, 0]
    x, y = polygon.unbind(1)
    area = 0.5 * (x * y.roll(-1) - y * x.roll(-1)).sum().abs().item()
    return {
        "inside": len(within),
        "segments": len(level_set(within, 0.0)),
        "slope_x": slope[0].item(),
        "slope_y": slope[1].item(),
        "everywhere": len(whole),
        "cell_area": whole.areas[cell].item(),
        "area": area,
    }
