"""The POLICE chapter: problems, trained networks, exact regions, tables, figures, claims."""

import contextlib
import dataclasses
import io
import itertools
import math
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib import claims, plotting
from ssl_lib.errors import InputError
from ssl_lib.geometry import constrain
from ssl_lib.papers.police import (
    Settings,
    Tables,
    affinity,
    estimates,
    figures,
    measures,
    problems,
    timing,
    training,
)
from ssl_lib.results import Store

SIGN = "majority"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of the smoke profile, trained once."""
    store = Store(tmp_path_factory.mktemp("store"))
    return Tables(Settings(profile="smoke", device="cpu"), store)


# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sign": "major"}, "sign must be 'majority' or 'smallest', got 'major'"),
        ({"width": -1}, "width must be 0 (the profile's number) or from 1 to 1,000,000"),
        ({"steps": 2.5}, "steps must be an integer, got 2.5"),
        ({"steps": True}, "steps must be an integer, got True"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_the_paper_profile_has_the_values_of_the_scripts() -> None:
    paper = Settings(profile="paper")
    stars, waves = training.classification(paper)[0], training.regression(paper)[0]
    assert (stars.width, stars.depth, stars.points, stars.steps) == (128, 3, 1024, 2000)
    assert (stars.learning_rate, stars.weight_decay, stars.phases) == (1e-3, 1e-5, 4)
    assert (waves.width, waves.depth, waves.points, waves.steps) == (256, 4, 100, 2000)
    assert (waves.learning_rate, waves.weight_decay, waves.phases) == (5e-4, 1e-2, 3)
    rays = training.evolution(paper)[0]
    assert (rays.problem, rays.region, rays.depth) == ("rays", "triangle", 3)
    assert {6, 21, 61, 2000} <= set(rays.keep)
    assert len(training.regression(paper)) == 18


def test_one_s_own_width_and_steps_reach_every_run() -> None:
    settings = Settings(profile="quick", width=10, steps=7)
    for make in (
        training.classification, training.regression, training.evolution, training.several,
    ):  # fmt: skip
        assert {(run.width, run.steps) for run in make(settings)} == {(10, 7)}


# Problems


def test_regions_are_convex_and_counter_clockwise() -> None:
    polygons = [problems.region(n) for n in ("square", "triangle", "polygon", "circle")]
    for polygon in [*polygons, *problems.polygons("three")]:
        edge = polygon.roll(-1, 0) - polygon
        following = edge.roll(-1, 0)
        assert (edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0] > 0).all()
    assert problems.region("circle").norm(dim=1).numpy() == pytest.approx(2)
    with pytest.raises(InputError, match="no region 'squares'"):
        problems.region("squares")


def test_the_three_polygons_are_disjoint() -> None:
    points = problems.grid(400)
    held = torch.stack([problems.inside(points, p) for p in problems.polygons("three")])
    assert held.any(1).all()
    assert held.sum(0).max() == 1


def test_stars_have_the_radii_of_the_script() -> None:
    points, labels = problems.stars(1024, torch.Generator(), noise=0.0)
    radius = points.norm(dim=1)
    assert radius[labels == 0].aminmax() == pytest.approx((0.8, 1.2), abs=1e-4)
    assert (radius[labels == 1] / radius[labels == 0]).numpy() == pytest.approx(1.3)
    noisy, _ = problems.stars(1024, torch.Generator().manual_seed(0))
    assert (noisy - points).std().item() == pytest.approx(0.025, rel=0.05)


def test_targets_at_known_points() -> None:
    points = torch.tensor([[math.pi / 3, 0.0], [0.0, 1.0]], dtype=torch.float64)
    wave, rays, spiral = (problems.target(name, points) for name in problems.TARGETS)
    assert wave.tolist() == pytest.approx([-1, math.cos(1)])
    assert rays.tolist() == pytest.approx([1, -1])
    assert spiral.tolist() == pytest.approx([1, math.cos(6 + math.pi / 2)])
    with pytest.raises(InputError, match="no target 'ray'"):
        problems.target("ray", points)


def test_targets_are_centred_and_scaled_on_the_training_grid() -> None:
    _, wanted = training.data(training.regression(Settings())[0], 0)
    assert wanted.mean().item() == pytest.approx(0, abs=1e-6)
    assert wanted.abs().max().item() == pytest.approx(1)


def test_distance_equals_brute_force() -> None:
    polygon, points = problems.region("polygon"), problems.grid(9, 3.0)
    along = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None, None]
    border = torch.lerp(polygon, polygon.roll(-1, 0), along).flatten(0, 1)
    nearest = torch.cdist(points, border).amin(1)
    found = problems.distance(points, polygon)
    assert found.abs().numpy() == pytest.approx(nearest.numpy(), abs=1e-3)
    assert ((found < 0) == problems.inside(points, polygon))[found != 0].all()


# Training


def test_trainings_are_reproducible_and_twins_start_alike(tables: Tables) -> None:
    run, twin = training.classification(tables.settings)
    first, again = training.train(run), training.train(run)
    pd.testing.assert_frame_equal(first, again)
    starts = [training.train(dataclasses.replace(one, steps=0)) for one in (run, twin)]
    assert starts[0].value.tolist() == starts[1].value.tolist()


def test_restored_networks_are_the_trained_ones(tables: Tables) -> None:
    trained = tables.evolution
    run, table = trained.runs[0], trained.result.table
    assert sorted(table.step.unique()) == sorted(run.keep)
    points, wanted = (part.double() for part in training.data(run, 0))
    for step in (0, run.steps):
        model = training.constrained(table, run, step)
        loss = (model(points)[:, 0] - wanted).square().mean().item()
        kept = table[table.step == step].loss.iloc[0]
        assert loss == pytest.approx(kept, rel=1e-5)


# Affinity


def test_affinity_error_of_known_functions() -> None:
    square = problems.region("square")
    bent = affinity.affinity_error(lambda x: (x[:, :1] - 0.75).abs(), square)
    assert 0.9 < bent <= 1  # the fold lies half a square deep, the corners at 0.75
    far = affinity.affinity_error(lambda x: (x[:, :1] - 9).abs(), square)
    assert far < 1e-15


def test_initial_networks_are_exact_at_every_depth(tables: Tables) -> None:
    largest = tables.by_depth.table.groupby(["model", "precision", "depth"]).error.max()
    assert list(largest["constrained", "float64"].index) == [1, 2, 4, 8, 16]
    assert largest["constrained", "float64"].max() < 1e-12
    assert 1e-9 < largest["constrained", "float32"].max() < 1e-4
    assert largest["free", "float64"].min() > 1e-2


def test_half_precision_fails_where_votes_tie(tables: Tables) -> None:
    wide = tables.ties.table.pivot(index="region", columns="rule", values="error")
    tied = tables.ties.table.groupby("region").tied.first()
    assert tied["triangle"] == 0
    assert tied.drop("triangle").min() > 0
    assert wide["half precision"]["triangle"] < 1e-12
    assert wide["half precision"].drop("triangle").min() > 1e-3
    assert wide.integers.max() < 1e-12


def test_without_ties_both_rules_give_one_network() -> None:
    model, vertices = affinity.initial(2, 16, 3, 0), problems.region("triangle")
    points = problems.grid(20)
    published = affinity._by_half_precision(model, points, vertices)
    assert affinity.largest_difference(lambda _: published, constrain(model, vertices), points) < (
        1e-14
    )


def test_every_kind_of_network_is_affine_and_merges(tables: Tables) -> None:
    kinds = tables.architectures.table
    assert len(kinds) == 5
    assert kinds.free.min() > 0.05
    assert kinds[["constrained", "merged"]].max().max() < 1e-12


def test_every_optimiser_keeps_the_constraint_and_learns() -> None:
    config = {"width": 8, "steps": 15, "side": 10, "seed": 0, "sign": SIGN}
    found = affinity.optimisers(config)
    assert set(found.optimiser) == set(affinity.OPTIMISERS)
    assert found.error.max() < 1e-12
    losses = found.groupby("optimiser").loss
    assert (losses.last() < losses.first()).all()


# Measures


def test_every_region_is_one_piece_with_one_line(tables: Tables) -> None:
    for trained in tables.trainings:
        table, found = measures.regions(trained.result.table, trained.constrained, sign=SIGN)
        assert (table.inside == 1).all()
        assert (table.segments <= 1).all()
        assert (table.cell_area >= table.area - 1e-9).all()
        assert set(found) == set(table.run)
    trained = tables.regression
    free = measures.regions(trained.result.table, trained.runs[1:2], sign=SIGN)[0]
    assert (free.inside > 10).all()


def test_error_inside_is_at_least_that_of_the_best_affine_function(tables: Tables) -> None:
    fits = measures.fits(tables.regression.result.table, tables.regression.runs, sign=SIGN, side=61)
    police = fits[fits.model == "constrained"]
    assert (police.inside >= police.best_affine - 1e-12).all()
    assert police.affinity.max() < 1e-10


def test_rings_add_up_to_the_whole_error(tables: Tables) -> None:
    trained = tables.regression
    run, weights = trained.runs[0], trained.result.table
    rings = measures.by_distance(weights, [run], sign=SIGN, side=41)
    assert rings.n.sum() == 41**2
    total = np.average(rings.error**2, weights=rings.n)
    field = measures.fields(weights, [run], side=41, sign=SIGN)
    assert total == pytest.approx(((field.value - field.target) ** 2).mean())


def test_merged_networks_are_plain_and_equal(tables: Tables) -> None:
    table = measures.merging(
        tables.regression.result.table, tables.regression.constrained, sign=SIGN
    )
    assert (table[["parameters", "layers"]] == 0).all().all()
    assert table.difference.max() < 1e-12
    assert table.again.max() < 1e-12
    assert (table.moved > 0).all()


def test_snapshots_hold_at_every_step(tables: Tables) -> None:
    history = measures.snapshots(tables.evolution.result.table, tables.evolution.runs[0], sign=SIGN)
    assert history.float64.max() < 1e-12
    assert history.float32.max() < 1e-4
    assert history.free.min() > 1e-3


# Timing


def test_the_paper_s_numbers_are_those_of_its_readme() -> None:
    table = timing.beside_paper(timing.slowdowns(timing.config(Settings(profile="smoke"))))
    assert table.paper_slowdown.round(1).tolist() == [6.2, 10.2, 3.8]
    assert table.flops.round(2).tolist() == [1.77, 1.00, 4.00]
    assert table.slowdown.isna().all()


def test_rounds_change_their_order_and_the_first_two_do_not_count() -> None:
    calls: list[str] = []
    steps = {name: lambda name=name: calls.append(name) for name in "abcd"}
    found = timing.measure(steps, torch.device("cpu"), 30, 0.0)
    rounds = [tuple(calls[start : start + 4]) for start in range(0, len(calls), 4)]
    assert [sorted(names) for names in rounds] == [list("abcd")] * 32
    assert {len(values) for values in found.values()} == {30}
    before = {pair for names in rounds for pair in itertools.pairwise(names)}
    assert before == set(itertools.permutations("abcd", 2)), "a step always follows the same one"


# Figures


def test_figures_have_their_panels_and_readable_text(tables: Tables) -> None:
    stars, fitted, run = tables.classification, tables.regression, tables.evolution.runs[0]
    weights = fitted.result.table
    fits = measures.fits(weights, fitted.runs, sign=SIGN, side=41)
    rings = measures.by_distance(weights, fitted.runs, sign=SIGN, side=41)
    history = measures.snapshots(tables.evolution.result.table, run, sign=SIGN)
    options: dict[str, Any] = {"side": 20, "sign": SIGN}
    frames = measures.fields(tables.evolution.result.table, [run], steps=[0, 6, 12], **options)
    parts = measures.regions(stars.result.table, stars.runs, sign=SIGN)[1]
    together = tables.several.runs[0]
    mosaic = measures.regions(tables.several.result.table, [together], sign=SIGN)[1]
    drawn = {
        2: figures.classification(
            measures.fields(stars.result.table, stars.runs, **options), parts, stars.runs,
            *training.data(stars.runs[0], 0),
        ),
        3: figures.partitions(parts, stars.runs),
        7: figures.regression(
            measures.fields(weights, fitted.constrained, **options), fitted.constrained
        ),
        4: figures.evolution(frames, history, run),
        1: figures.affinity_by_depth(tables.by_depth.table),
    }  # fmt: skip
    others = [
        (2, figures.affinity_by_step(history)),
        (2, figures.cost_by_distance(rings, fits)),
        (3, figures.slowdown(tables.timing.table)),
        (2, figures.several(
            measures.fields(tables.several.result.table, [together], **options),
            mosaic[together.name], together,
        )),
    ]  # fmt: skip
    for panels, fig in [*drawn.items(), *others]:
        assert len(fig.axes) == panels
        assert fig.get_figwidth() == plotting.WIDTH
        sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
        assert min(sizes) >= 10
        plt.close(fig)


# Claims


def judged(tables: Tables) -> dict[str, str]:
    parts = [measures.regions(t.result.table, t.runs, sign=SIGN)[0] for t in tables.trainings]
    run, several = tables.evolution.runs[0], tables.several
    merging = [measures.merging(t.result.table, t.constrained, sign=SIGN) for t in tables.trainings]
    found = estimates.estimates(
        by_depth=tables.by_depth.table,
        snapshots=measures.snapshots(tables.evolution.result.table, run, sign=SIGN),
        regions=pd.concat(parts, ignore_index=True),
        optimisers=tables.optimisers.table,
        architectures=tables.architectures.table,
        fits=measures.fits(tables.regression.result.table, tables.regression.runs, sign=SIGN),
        slowdowns=tables.timing.table,
        merging=pd.concat(merging, ignore_index=True),
        several_error=max(measures.affinities(several.result.table, several.runs[0], sign=SIGN)),
    )
    stated = {claim.id: claim for claim in claims.load() if claim.paper == "police"}
    assert set(found) == set(stated) - {"C6"}  # smoke times none of the paper's networks
    return {name: claims.decide(stated[name].rules, found[name]) for name in found}


def test_what_holds_for_any_weights_is_reproduced_even_at_smoke(tables: Tables) -> None:
    verdicts = judged(tables)
    assert {verdicts[name] for name in ("C1", "C3", "C7", "C8")} == {"reproduced"}
    assert verdicts["C5"] == "not reproduced"  # a dozen steps teach nothing


def test_different_maps_are_counted_once() -> None:
    rows = pd.DataFrame({"slope_x": [1.0, 1.0, 0.0], "slope_y": [0.0, 1e-9, 2.0], "inside": 1})
    assert estimates._several(rows, 0.0)["different maps"].value == 2


def test_claims_that_can_fail_carry_a_reason() -> None:
    reasons = {claim.id: claim.reason for claim in claims.load() if claim.paper == "police"}
    assert {name for name, reason in reasons.items() if reason} == {"C2", "C5", "C6"}


# The notebook


def test_notebook_shows_every_figure(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "police.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'label="fig-police-([a-z_]+)"', text)
    assert labels == [
        "depth", "classification", "regression", "partition", "evolution", "steps", "cost",
        "slowdown", "several",
    ]  # fmt: skip


def test_the_reader_s_lines_run_as_printed(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "police.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells}
    space: dict[str, Any] = {"torch": torch}
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()) as shown:
        torch.manual_seed(0)
        exec(cells["own"], space)
        exec(cells["own-check"], space)
    assert "Sequential with 5 layers" in shown.getvalue()
    assert affinity.affinity_error(space["plain"].double(), space["corners"].double()) < 1e-5
    first, second = space["gradients"]
    assert torch.allclose(first, second, rtol=1e-4)
