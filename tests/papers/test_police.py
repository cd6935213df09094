"""The POLICE chapter: problems, trained networks, exact regions, tables, figures, claims."""

import contextlib
import io
import itertools
import math
import re
from dataclasses import replace
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
from ssl_lib.papers import chapter
from ssl_lib.papers.police import (
    Settings,
    Tables,
    affinity,
    estimates,
    experiments,
    figures,
    load,
    measures,
    problems,
    timing,
    training,
)  # fmt: skip
from ssl_lib.papers.police.recipes import Network, Recipe, networks, pictured, recipes
from ssl_lib.plotting import words
from ssl_lib.results import Store

WAVE = Network(figure="regression", problem="wave", region="triangle")
TINY = Recipe(width=8, points=8, steps=12, learning_rate=1e-2)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of the smoke profile, trained once."""
    store = Store(tmp_path_factory.mktemp("store"))
    return load(Settings(profile="smoke", device="cpu"), store)


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
    made = recipes(Settings(profile="paper"))
    stars, waves, rays = made["classification"], made["regression"], made["evolution"]
    assert (stars.width, stars.depth, stars.points, stars.steps) == (128, 3, 1024, 2000)
    assert (stars.learning_rate, stars.weight_decay, stars.phases) == (1e-3, 1e-5, 4)
    assert (waves.width, waves.depth, waves.points, waves.steps) == (256, 4, 100, 2000)
    assert (waves.learning_rate, waves.weight_decay, waves.phases) == (5e-4, 1e-2, 3)
    assert (rays.width, rays.depth, rays.learning_rate, rays.phases) == (256, 3, 1e-3, 4)
    assert {6, 21, 61, 2000} <= set(rays.keep)
    cases = [one for one in networks(Settings(profile="paper")) if one.figure == "regression"]
    assert len({(one.problem, one.region) for one in cases}) == 9
    assert len(cases) == 18


def test_one_s_own_width_and_steps_reach_every_training() -> None:
    made = recipes(Settings(profile="quick", width=10, steps=7))
    assert {(recipe.width, recipe.steps) for recipe in made.values()} == {(10, 7)}


def test_a_cell_names_its_network_and_every_drawn_one_is_trained() -> None:
    for profile in ("smoke", "quick", "standard"):
        every = networks(Settings(profile=profile))
        assert len({tuple(one.cell(0).values()) for one in every}) == len(every)
        assert all(Network.of(one.cell(3)) == one for one in every)
        assert set(pictured(Settings(profile=profile))) < set(every)


# Cells


def test_rows_of_a_cell_do_not_depend_on_other_cells(tables: Tables) -> None:
    made = experiments.experiments(Settings(profile="smoke", device="cpu", seeds=2))
    for name in ("initial", "ties", "architectures", "networks", "weights"):
        experiment, whole = made[name], tables[name]
        cell = experiment.cells[0]
        alone = experiment.compute(experiment.config, cell)
        own = whole if len(cell) == 1 else Network.of(cell).rows(whole)
        pd.testing.assert_frame_equal(alone, own[list(alone)].reset_index(drop=True))


def test_more_seeds_keep_the_first_cells_and_timings_are_not_published() -> None:
    few, many = (experiments.experiments(Settings(seeds=n)) for n in (1, 3))
    for name, experiment in few.items():
        cells = many[name].cells
        assert [cell for cell in cells if cell in experiment.cells] == list(experiment.cells)
    assert {name for name, made in few.items() if not made.place} == {"timing"}


def test_tables_say_over_how_many_seeds_they_are(tables: Tables) -> None:
    once = tables.tables["initial"]
    twice = replace(once, table=pd.concat([once.table, once.table.assign(seed=1)]))
    both = Tables(tables.settings, {"networks": tables.tables["networks"], "initial": twice})
    assert both.runs("networks") == words.count(1, "seed")
    assert both.runs("initial") == words.count(2, "seed")
    assert both.runs() == f"1 to {words.count(2, 'seed')}"


def test_what_a_reader_changes_is_not_what_is_published(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for options in ({"width": 10}, {"steps": 5}, {"sign": "smallest"}):
        made = experiments.experiments(Settings(**options))
        assert chapter.published({"networks": made["networks"]}, slug="police", store=store) == {}


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
    _, wanted = training.data(WAVE, recipes(Settings())["regression"], 0)
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


def test_trainings_are_reproducible_and_twins_start_alike() -> None:
    config = {"recipes": {"regression": TINY}, "sign": "majority", "device": "cpu"}
    first, again = (training.weights(config, WAVE.cell(0)) for _ in "ab")
    pd.testing.assert_frame_equal(first, again)
    starts = [next(training.train(config, one.cell(0)))[2] for one in (WAVE, WAVE.twin)]
    one, other = (torch.cat([p.flatten() for p in plain.parameters()]) for plain in starts)
    assert torch.equal(one, other)


def test_restored_networks_are_the_trained_ones(tables: Tables) -> None:
    some = tables.drawn["evolution"]
    losses = tables.wide("loss", figure="evolution").set_index("at").loss
    assert [one.step for one in some] == [0, 6, 12]
    for one in some:
        points, wanted = (part.double() for part in training.data(one.network, one.recipe, 0))
        loss = (one.at(points) - wanted).square().mean().item()
        assert loss == pytest.approx(losses[one.step], rel=1e-5)


# Affinity


def test_affinity_error_of_known_functions() -> None:
    square = problems.region("square")
    bent = affinity.affinity_error(lambda x: (x[:, :1] - 0.75).abs(), square)
    assert 0.9 < bent <= 1  # the fold lies half a square deep, the corners at 0.75
    far = affinity.affinity_error(lambda x: (x[:, :1] - 9).abs(), square)
    assert far < 1e-15


def test_initial_networks_are_exact_at_every_depth(tables: Tables) -> None:
    largest = tables["initial"].groupby("depth")[["free", "float32", "float64"]].max()
    assert list(largest.index) == [1, 2, 4, 8, 16]
    assert largest.float64.max() < 1e-12
    assert 1e-9 < largest.float32.max() < 1e-4
    assert largest.free.min() > 1e-2


def test_half_precision_fails_where_votes_tie() -> None:
    config = {"regions": ["triangle", "square", "polygon", "circle"], "width": 64, "depth": 4}
    found = affinity.ties(config, {"seed": 0}).set_index("region")
    assert found.tied["triangle"] == 0
    assert found.tied.drop("triangle").min() > 0
    assert found.half_precision["triangle"] < 1e-12
    assert found.half_precision.drop("triangle").min() > 1e-3
    assert found.integers.max() < 1e-12


def test_without_ties_both_rules_give_one_network() -> None:
    model, vertices = affinity.he(2, 16, 3, 0), problems.region("triangle")
    points = problems.grid(20)
    published = affinity.by_half_precision(model, points, vertices)
    assert affinity.largest_difference(lambda _: published, constrain(model, vertices), points) < (
        1e-14
    )


def test_every_kind_of_network_is_affine_and_merges(tables: Tables) -> None:
    kinds = tables["architectures"].set_index("network")
    assert len(kinds) == 5
    assert kinds.free.min() > 0.05
    assert kinds[["constrained", "difference"]].max().max() < 1e-12
    dense = kinds.index.str.startswith("dense")
    assert (kinds[["parameters", "layers"]][dense] == 0).all(axis=None)
    assert (kinds[["parameters", "layers"]][~dense] > 0).all(axis=None)  # a map of shifts
    assert kinds.parameters["convolution, average-pooling"] == 6 * 8 * 8


def test_every_optimiser_keeps_the_constraint_and_learns() -> None:
    config = {"width": 8, "steps": 15, "side": 10, "sign": "majority"}
    found = affinity.optimisers(config, {"seed": 0})
    assert set(found.optimiser) == set(affinity.OPTIMISERS)
    largest = found.groupby("constrained").error.max()
    assert largest[True] < 1e-12
    assert largest[False] > 1e-3
    left = estimates.remaining(found.assign(seed=0)).unstack("constrained")
    assert (left < 1).all(axis=None)
    first = found[found.step == 0].groupby("constrained").loss.nunique()
    assert first.tolist() == [1, 1]  # all start from the same weights


def test_the_fall_of_the_loss_is_compared_with_the_twin_s() -> None:
    rows = [
        (name, constrained, seed, step, loss, 0.0 if constrained else 1.0)
        for name, shares in (("slow", (0.2, 0.4)), ("fast", (0.9, 0.7)))
        for seed, share in enumerate(shares)
        for constrained, left in ((True, 1 - 0.5 * share), (False, 0.5))
        for step, loss in enumerate((2.0, 2.0 * left))
    ]
    names = ["optimiser", "constrained", "seed", "step", "loss", "error"]
    found = estimates._trained(pd.DataFrame(rows, columns=names))
    assert found["error of affinity"].value == 0
    assert found["slow"].value == pytest.approx(0.3)
    assert found["fast"].value == pytest.approx(0.8)
    assert (found["fast"].n, found["slow"].low < 0.2) == (2, True)


def test_of_what_is_explained_outside_the_worst_case_s_mean_decides() -> None:
    table = pd.DataFrame({"network": ["a", "a", "b", "b"], "explained": [0.9, 0.7, 0.5, 0.95]})
    few = pd.DataFrame({"network": "a", "explained": [0.99, 0.7, 0.98]})
    assert estimates._worst(few.groupby("network").explained).high == 1.0
    found = estimates._worst(table.groupby("network").explained)
    assert (found.note, found.n) == ("b", 2)
    assert found.value == pytest.approx(0.725)
    assert found.low < 0.5


# Measures


def test_every_region_is_one_piece_with_one_line(tables: Tables) -> None:
    counts = tables.wide(*measures.COUNTS)
    own, free = counts[counts.constrained], counts[~counts.constrained]
    assert (own.inside == 1).all()
    assert (own.segments <= 1).all()
    assert (own["cell area"] >= own.area - 1e-9).all()
    assert own.affinity.max() < 1e-10
    assert (free[free.figure == "regression"].inside > 10).all()


def test_error_inside_is_at_least_that_of_the_best_affine_function(tables: Tables) -> None:
    fits = tables.wide(*measures.FITS, figure="regression")
    own = fits[fits.constrained]
    assert len(own) == 2
    assert (own["error inside"] >= own["best affine"] - 1e-12).all()


def test_rings_add_up_to_the_whole_error(tables: Tables) -> None:
    one = tables.drawn["regression"][0]
    rings = measures.rings(one, side=41)
    assert rings.points.sum() == 41**2
    total = np.average(rings.error**2, weights=rings.points)
    field = one.field(41)
    assert total == pytest.approx(((field.value - field.target) ** 2).mean())


def test_merged_networks_are_plain_and_equal(tables: Tables) -> None:
    table = tables.wide(*measures.MERGED)
    assert len(table) == sum(one.constrained for one in networks(tables.settings))
    assert (table[["parameters", "layers"]] == 0).all(axis=None)
    assert table[["difference", "again"]].max().max() < 1e-12
    assert (table.moved > 0).all()


def test_snapshots_hold_at_every_step(tables: Tables) -> None:
    history = tables.wide(*measures.SNAPSHOTS, figure="evolution")
    assert tuple(history["at"]) == recipes(tables.settings)["evolution"].keep
    assert history.float64.max() < 1e-12
    assert history.float32.max() < 1e-4
    assert history.free.min() > 1e-3


def test_drawn_networks_are_those_that_were_measured(tables: Tables) -> None:
    counts = tables.wide("inside")
    for one in (some[-1] for some in tables.drawn.values()):
        inside = one.network.rows(counts).inside.to_list()
        assert [row["inside"] for row in measures.counts(one)] == inside


def test_ratios_compare_with_the_twin_in_the_same_rings() -> None:
    rings = pd.DataFrame({
        "network": "wave", "constrained": [True] * 3 + [False] * 3, "at": [-1.0, 0.5, 2.0] * 2,
        "ring error": [0.6, 9.0, 0.2, 0.3, 9.0, 0.4],
    })  # fmt: skip
    found = measures.ratios(rings).loc["wave"]
    assert (found.inside, found.outside) == pytest.approx((2.0, 0.5))


# Timing


def test_the_paper_s_numbers_are_those_of_its_readme() -> None:
    config = timing.config(Settings(profile="smoke", device="cpu"))
    table = timing.beside_paper(timing.slowdowns(config, {}))
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
    stars, fitted = tables.drawn["classification"], tables.drawn["regression"]
    fits = tables.wide(*measures.FITS, figure="regression")
    made = [
        (2, figures.classification(stars, seed=0)),
        (3, figures.partition(stars)),
        (7, figures.regression([one for one in fitted if one.network.constrained])),
        (4, figures.evolution(tables.drawn["evolution"])),
        (2, figures.several(*tables.drawn["several"])),
        (1, figures.depth(tables["initial"])),
        (2, figures.steps(tables.wide(*measures.SNAPSHOTS, figure="evolution"))),
        (2, figures.cost(tables.wide("ring error", figure="regression"), fits)),
        (3, figures.slowdown(tables["timing"])),
    ]
    for panels, fig in made:
        assert len(fig.axes) == panels
        assert fig.get_figwidth() == plotting.WIDTH
        sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
        assert min(sizes) >= 10
        plt.close(fig)


# Claims


def judged(tables: Tables) -> dict[str, str]:
    found = estimates.estimates(tables)
    stated = {claim.id: claim for claim in claims.load() if claim.paper == "police"}
    assert set(found) == set(stated) - set(estimates.NOT_TESTED)
    return {name: claims.decide(stated[name].rules, found[name]) for name in found}


def test_what_holds_for_any_weights_is_reproduced_even_at_smoke(tables: Tables) -> None:
    verdicts = judged(tables)
    assert {verdicts[name] for name in ("C1", "C3", "C7", "C8")} == {"reproduced"}
    assert verdicts["C5"] == "not reproduced"  # a dozen steps teach nothing


def test_different_maps_are_counted_once() -> None:
    rows = pd.DataFrame({"slope x": [1.0, 1.0, 0.0], "slope y": [0.0, 1e-9, 2.0], "inside": 1})
    rows = rows.assign(seed=0, affinity=0.0)
    assert estimates.several(rows)["different maps"].value == 2


def test_claims_that_can_fail_carry_a_reason() -> None:
    reasons = {claim.id: claim.reason for claim in claims.load() if claim.paper == "police"}
    assert {name for name, reason in reasons.items() if reason} == {"C2", "C5"}


# The notebook


def test_notebook_shows_every_figure(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "police.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'label="fig-police-([a-z_]+)"', text)
    assert all(f"figures.{label}(" in text for label in labels)
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
