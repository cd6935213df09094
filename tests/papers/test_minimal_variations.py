"""The chapter on minimal variations: cells against what is known, claims, figures, own features."""

import contextlib
import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib import claims, plotting
from ssl_lib.claims.resampling import paired_bootstrap
from ssl_lib.errors import InputError
from ssl_lib.papers import chapter
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.minimal_variations import (
    Settings,
    controls,
    estimates,
    exact,
    experiments,
    figures,
    images,
    load,
    measures,
    moons,
    networks,
    own,
    pairs,
    probes,
    tasks,
    variants,
)
from ssl_lib.profiles import Profile
from ssl_lib.results import Store
from ssl_lib.theory import Gaussian, half_moons
from ssl_lib.theory.heat import gaussian_walk_eigenvalues
from ssl_lib.theory.losses import vicreg_loss

SMOKE = Settings(profile="smoke")
#: Seeds that no table of the chapter uses.
SEED = 20261130


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of the smoke profile, computed once."""
    return load(SMOKE, Store(tmp_path_factory.mktemp("store")))


def cell(name: str, profile: Profile = "quick", **given: Any) -> pd.DataFrame:
    """Compute one cell at a profile's sizes, on a seed of its own."""
    made = experiments.experiments(Settings(profile=profile))[name]
    return made.compute(made.config, {**given, "seed": SEED})


# Settings and cells


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": 1}, "seeds must be 0 (the profile's number) or from 2 to 100"),
        ({"data": 3}, "data must be text, got 3"),
        ({"data": "digit"}, "data must be a folder or a data set, got 'digit'. Did you mean"),
        ({"profile": "fast"}, "Unknown profile 'fast'"),
        ({"fresh": 1}, "fresh must be true or false, got 1"),
    ],
)
def test_senseless_settings_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_the_quick_profile_shows_twenty_seeds_and_more_keep_the_first() -> None:
    few, many = (experiments.experiments(Settings(seeds=n)) for n in (0, 25))
    assert len(few["unification"].cells) == 20
    for name, made in few.items():
        assert [one for one in many[name].cells if one in made.cells] == list(made.cells)
    assert [name for name, made in few.items() if not made.place] == ["maps"]


def test_other_images_are_published_apart(tmp_path: Path) -> None:
    places = [
        experiments.experiments(Settings(profile="standard", data=data))["images"].place
        for data in ("", "cifar10", str(tmp_path))
    ]
    at = "minimal_variations/images.standard"
    assert places == [at, f"{at}.cifar10", ""]
    made = experiments.experiments(Settings(profile="standard", data="cifar10"))
    assert [name for name in made if "cifar10" in made[name].place] == list(experiments.OF_IMAGES)
    assert made["images"].config["scales"] == images.SCALES[:1]


def test_rows_of_a_cell_do_not_depend_on_other_cells(tables: Tables) -> None:
    made = experiments.experiments(SMOKE)
    for name in (
        "unification",
        "noise",
        "exact",
        "density",
        "bounds",
        "weights",
        "images",
        "promise",
    ):
        last = made[name].compute(made[name].config, made[name].cells[-1])
        whole = tables[name]
        shown = whole[whole.seed == whole.seed.max()].drop(columns="seed").reset_index(drop=True)
        pd.testing.assert_frame_equal(last, shown[list(last)], check_dtype=False)


# Half-moons against what is known


def test_all_methods_that_measure_variation_span_the_same_functions() -> None:
    found = cell("unification")
    spans = found[(found.measure == "alignment") & (found["at"] == 4)].set_index("method").value
    assert spans.drop("pca").min() > 0.98
    assert spans["pca"] < 0.95
    share = found[(found.measure == "share") & (found["at"] == 2)].set_index("method").value
    assert share.drop("pca").min() > 0.88


def test_little_noise_has_the_dirichlet_eigenvalues_and_much_has_not() -> None:
    found = cell("noise").assign(seed=0)
    known = found[found.noise == 0]
    near = [measures.ratio_to_limit(found, known, s)[0] for s in (0.05, 0.1)]
    np.testing.assert_allclose(near, 1, atol=0.2)
    assert measures.ratio_to_limit(found, known, 0.4)[0] > 1.4


def test_the_limit_of_little_noise_is_that_of_the_same_sample_and_landmarks() -> None:
    few = Settings(seeds=2)
    own = controls.own_energies(few)
    dense, reference = few.sizes.dense, variants.REFERENCE
    points = moons.sample(dense, few.every_seed[1], "train").points
    model: Any = reference.make(few.sizes, moons.K, few.every_seed[1]).fit(points)
    third = measures.by_seed(own, "eigenvalue", 3)
    assert third[1] == pytest.approx(model.eigenvalues_[2], rel=1e-9)
    ratio = measures.ratio_to_limit(own.assign(noise=0.1, value=2 * own.value), own, 0.1)
    np.testing.assert_allclose(ratio, [2, 2])


def test_the_density_exponent_of_the_dirichlet_energy_is_one_half() -> None:
    found = cell("density").assign(seed=0)
    first = [measures.by_seed(found, "energy", 3, data="moons", alpha=a)[0] for a in (0, 0.5, 1)]
    assert first[0] > first[1] > first[2]
    assert abs(first[1] - 1) < 0.1
    normal = [measures.by_seed(found, "energy", 1, data="normal", alpha=a)[0] for a in (0, 0.5, 1)]
    assert normal[0] > 1.4 > 1.2 > normal[1] > 0.55 > normal[2]


def test_circle_estimates_are_near_the_exact_spectrum() -> None:
    found = cell("exact")
    circle = found[found.space == "circle"]
    assert circle[circle.measure == "alignment"].value.min() > 0.98
    wide = circle.pivot(index=["family", "at"], columns="measure", values="value").dropna(
        subset="energy"
    )
    means = (wide.energy / wide.exact).groupby(
        ["family", (wide.index.get_level_values("at") + 1) // 2]
    )
    np.testing.assert_allclose(means.mean(), 1, atol=0.15)


def test_exact_spectra_are_those_of_the_textbook() -> None:
    circle, normal = exact.SPACES
    np.testing.assert_allclose(circle.energies("dirichlet"), [1, 1, 4, 4, 9, 9])
    np.testing.assert_allclose(circle.energies("views")[::2], 1 - np.exp(-0.09 * np.r_[1, 4, 9]))
    np.testing.assert_allclose(normal.energies("views"), 1 - 1.25 ** -np.r_[1.0, 2, 3])


# Tasks, probes, bounds


def test_targets_are_what_they_are_called() -> None:
    on_moons, moon = half_moons(400, np.random.default_rng(0), noise=0.0)
    by_name = {target.name: target.value(on_moons) for target in tasks.TARGETS}
    assert (np.sign(by_name["moon"]) == moon).all()
    np.testing.assert_allclose(by_name["side"], 0, atol=1e-9)
    angle = np.arctan2(on_moons[:, 1] - (moon > 0), np.abs(on_moons[:, 0]))
    np.testing.assert_allclose(by_name["wave 2"], np.cos(2 * (angle + np.pi / 2)), atol=1e-9)


def test_variation_of_a_wave_on_thin_moons_is_half_its_number_squared() -> None:
    points, _ = half_moons(20_000, np.random.default_rng(0), noise=0.01)
    for target, number in ((tasks.TARGETS[1], 1), (tasks.TARGETS[3], 3)):
        assert tasks.variation(target.value, points) == pytest.approx(number**2 / 2, rel=0.05)


def test_the_bound_holds_and_is_empty_for_the_side() -> None:
    found = measures.against_bound(cell("bounds").assign(seed=0))
    said = found[found.bound < 1]
    assert (said.missed <= 1.05 * said.bound).all()
    assert {"moon", "wave 1"} <= set(said.target)
    side = found[found.target == "side"]
    assert side.bound.min() > 1
    assert side.missed.min() > 0.9


def test_ridge_and_kernel_ridge_agree_where_the_kernel_is_rich_enough() -> None:
    rng = np.random.default_rng(0)
    x, fresh = rng.standard_normal((60, 2)), rng.standard_normal((20, 2))
    y = x @ [[1.0], [2.0]] + 3
    found = probes.ridge(x, y, fresh, penalty=1e-9)
    (other,) = probes.kernel_ridge(x, y, fresh, scale=20.0, penalties=[1e-9])
    np.testing.assert_allclose(found, fresh @ [[1.0], [2.0]] + 3, atol=1e-6)
    np.testing.assert_allclose(other, found, atol=0.05)


def test_ridge_probes_do_not_depend_on_shifts_of_features() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((30, 3)), rng.standard_normal((30, 2))
    moved = probes.ridge(x + 5, y, x + 5)
    np.testing.assert_allclose(moved, probes.ridge(x, y, x), atol=1e-9)


# Pairs and images


@pytest.mark.parametrize("kind", pairs.PAIRS)
def test_views_stay_on_their_moon_unless_pairs_cross(kind: pairs.Pairs) -> None:
    points, moon = half_moons(500, np.random.default_rng(0), noise=0.0)
    seen = kind(points, np.random.default_rng(1))
    right = np.linalg.norm(seen - [0, 1], axis=1), np.linalg.norm(seen, axis=1)
    np.testing.assert_allclose(np.minimum(abs(right[0] - 1), abs(right[1] - 1)), 0, atol=1e-9)
    crossed = (np.sign(seen[:, 0]) != moon)[np.abs(seen[:, 0]) > 1e-6].mean()
    assert crossed == 0 if not kind.across else 0.4 < crossed < 0.6


def test_translations_move_pixels_and_fill_with_zero() -> None:
    move = images.Translation(2, 4, 1)
    image = np.arange(32.0).reshape(1, -1)
    down = move.moved(image, np.array([[1, 0]])).reshape(2, 4, 4)
    np.testing.assert_array_equal(down[:, 0], 0)
    np.testing.assert_array_equal(down[:, 1:], image.reshape(2, 4, 4)[:, :3])
    np.testing.assert_array_equal(move.moved(image, np.zeros((1, 2), int)), image)


def test_translations_carry_over_to_moved_digits_and_noise_does_not() -> None:
    found = cell("images", profile="smoke")
    best = found[found["at"] == 200].groupby(["measure", "metric"]).value.max()
    assert best["shifted", "translation"] > best["shifted", "noise"] + 0.2


def test_the_bound_holds_for_classes_made_functions() -> None:
    found = cell("promise", profile="smoke").set_index(["metric", "at", "measure"]).value.unstack()
    found = found.drop(columns=["fitted", "variation"])
    assert len(found.dropna()) > 8
    assert (found.missed <= found.bound * (1 + 1e-6))[found.bound.notna()].all()
    for _, rows in found.dropna(subset="missed").groupby("metric"):
        assert (rows.missed.diff().dropna() <= 1e-9).all()


def test_photographs_are_those_that_are_published(tmp_path: Path) -> None:
    run = Tables(SMOKE)
    store = Store(tmp_path / "store", published=tmp_path / "results")
    assert list(experiments.photographs(run, store)) == ["digits"]
    shown = experiments.photographs(run)
    assert list(shown) == ["digits", "Fashion-MNIST", "CIFAR-10"]
    assert shown["digits"] is run
    assert set(shown["CIFAR-10"]["images"].metric) == {one.name for one in images.METRICS}


# Networks


def test_the_variational_loss_is_that_of_the_library() -> None:
    views = [torch.randn(50, 3, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    ours = networks.variational_loss(*views).item()
    assert ours == pytest.approx(vicreg_loss([view.double().numpy() for view in views]), rel=1e-5)


def test_read_out_of_exact_functions_finds_them_whatever_their_order() -> None:
    angle = 2 * np.pi * np.arange(200) / 200
    outputs = np.stack([3 * np.cos(angle), 3 * np.sin(angle), np.cos(4 * angle)], axis=1)
    found = networks.principal(outputs @ outputs.T, 2)
    np.testing.assert_allclose(found.T @ found / 200, np.eye(2), atol=1e-9)
    np.testing.assert_allclose((found**2).sum(1), 2, atol=1e-9)


@pytest.mark.parametrize("loss", networks.LOSSES)
def test_a_network_on_the_circle_finds_cosine_and_sine(loss: str) -> None:
    found = cell("networks", loss=loss, world="circle").set_index("measure").value
    assert found["alignment"] > 0.95


# Controls and what decides claims


def test_an_untrained_network_is_the_one_that_training_starts_from() -> None:
    loss, world = networks.LOSSES["simclr"], networks.WORLDS["moons"]
    sizes = dataclasses.replace(SMOKE.sizes, steps=1)
    trained, _ = networks.train(loss, world, sizes, SEED)
    for before, after in zip(
        controls.start(loss, world, SEED).parameters(), trained.parameters(), strict=True
    ):
        # Adam's first step moves a weight by the rate, or not at all.
        assert 0 < (before - after).abs().max() <= 1.001 * networks.RATE


def test_untrained_networks_hold_much_of_the_circle_since_their_inputs_do() -> None:
    found = controls.untrained(SMOKE)
    assert len(found) == 2 * len(networks.LOSSES) * len(networks.WORLDS) * 2
    span = measures.by_seed(found, "whole", loss="simclr", world="circle")
    assert span.min() > 0.9
    assert found.value.between(0, 1).all()


def test_the_function_nearest_to_x_has_the_eigenvalue_of_the_limit() -> None:
    line = np.random.default_rng(3).standard_normal((1000, 1))
    for alpha in moons.ALPHAS:
        walk = gaussian_walk_eigenvalues(2, moons.NORMAL, alpha=alpha)[1]
        found = controls._nearest(line, alpha)
        assert found["energy"] == pytest.approx((1 - walk) / (moons.NORMAL**2 / 2), abs=0.1)
        assert found["correlation"] > 0.95
    # Two points far out make a function of their own, which comes first.
    tail = np.concatenate([line, [[7.0], [7.1]]])
    found = controls._nearest(tail, 0.5)
    assert found["number"] == 2
    assert found["energy"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("scale", [0.3, 1.2])
def test_leaving_out_by_one_inverse_is_leaving_out_in_turn(scale: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 2)), rng.standard_normal((12, 2))
    kernel = Gaussian(scale)(x, x)
    for found, penalty in zip(
        controls.leave_one_out(x, y, scale=scale), probes.PENALTIES, strict=True
    ):
        errors = []
        for i in range(12):
            rest = np.delete(np.arange(12), i)
            inverse = np.linalg.inv(kernel[np.ix_(rest, rest)] + 12 * penalty * np.eye(11))
            errors.append(kernel[i, rest] @ inverse @ (y - y.mean(0))[rest] - (y - y.mean(0))[i])
        assert found == pytest.approx(np.square(errors).mean(), rel=1e-6)


def test_labels_are_counted_where_the_rival_reaches_the_same_error() -> None:
    labels = [10, 20, 40, 80]
    ours = pd.DataFrame([[0.4 / 2**i for i in range(4)]] * 3, columns=labels)
    found = measures.savings(ours, 2 * ours)
    # The rival halves its error with twice the labels, and none has more than 80.
    assert [one.value for one in found.values()] == pytest.approx([2, 2, 2])
    assert measures.savings(ours, ours.clip(lower=0.3))[40].value == pytest.approx(2)
    assert measures.savings(ours, ours / 2)[20].value == pytest.approx(0.5)


def test_errors_fall_by_factors_and_seeds_are_drawn_again() -> None:
    worse, better = pd.Series([0.8] * 5), pd.Series([0.95] * 5)
    steep = measures.fall(worse, better, decisions=1000)
    flat = measures.fall(worse, pd.Series([0.9] * 5), decisions=1000)
    found = measures.steeper(steep, flat, 5)
    assert found.value == pytest.approx(np.log(2))
    assert found.bounds == pytest.approx((np.log(2), np.log(2)))


def test_images_widen_the_interval_by_at_most_where_methods_can_differ() -> None:
    seeds = pd.Series([0.9, 0.92, 0.94]), pd.Series([0.88, 0.9, 0.92])
    found = measures.on_shared_images(*seeds, 500)
    # Seeds agree on the gain, so that only images count: 0.18 may differ, 0.02 do more.
    half = 1.96 * np.sqrt((0.18 - 0.02**2) / 500)
    assert found.value == pytest.approx(0.02)
    assert found.bounds == pytest.approx((0.02 - half, 0.02 + half))
    rng = np.random.default_rng(0)
    one, other = rng.random((4, 500)) < 0.95, rng.random((4, 500)) < 0.9
    _, low, high = paired_bootstrap(one, other)
    wide = measures.on_shared_images(pd.Series(one.mean(1)), pd.Series(other.mean(1)), 500)
    assert wide.bounds[0] <= low < high <= wide.bounds[1]


def test_the_grain_of_accuracies_is_the_number_of_test_images() -> None:
    assert measures.grain(pd.Series(np.random.default_rng(0).integers(0, 500, 40) / 500)) == 500


def test_published_claims_are_decided_by_controls_of_the_same_seeds() -> None:
    few = Settings(seeds=2)
    made = experiments.experiments(few)
    del made["maps"]
    kept = chapter.published(made, slug="minimal_variations")
    first = {
        name: dataclasses.replace(one, table=one.table[one.table.seed < 2])
        for name, one in kept.items()
    }
    run = Tables(Settings(), first)
    assert controls.shown(run) == few
    found: Any = estimates.estimates(run)
    assert set(found["C7"]) == {"VICReg", "VICReg, gain", "SimCLR", "SimCLR, gain"}
    assert 0 < found["C7"]["VICReg, gain"].value < found["C7"]["VICReg"].value
    assert found["C2"]["noise 0.1"].value == pytest.approx(1, abs=0.1)
    assert found["C3"]["one half"].value == pytest.approx(1, abs=0.1)
    assert list(found["C4"]) == [f"{n} labels" for n in moons.LABELS[:-1]]
    assert set(found["C10"]) == {"little data", "much data"}


def test_promises_are_about_the_target_and_not_about_the_classes() -> None:
    rows = [
        ("noise", "fitted", 0, 0.6), ("noise", "bound", 4, 1.5), ("noise", "bound", 9, 0.3),
        ("noise", "labels missed", 4, 0.6), ("noise", "labels missed", 9, 0.4),
        ("translation", "fitted", 0, 0.5), ("translation", "bound", 9, 2.0),
        ("translation", "labels missed", 9, 0.4),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["metric", "measure", "at", "value"]).astype({"at": float})
    shown = measures.promised({"digits": table}).set_index("metric").iloc[1:]
    assert shown["bound below one"].to_list() == ["from 9 on", "never to 9"]
    assert shown["classes that the target holds"].to_list() == [0.6, 0.5]
    (row,) = measures.beyond_promise({"digits": table}).itertuples()
    assert (row.bound, row.missed) == (0.3, 0.4)


# Claims, figures, own features


def test_every_claim_is_decided_or_said_to_be_untested(tables: Tables) -> None:
    found = estimates.estimates(tables)
    known = {claim.id for claim in claims.load() if claim.paper == "minimal_variations"}
    assert set(found) | set(estimates.NOT_TESTED) == known
    with contextlib.redirect_stdout(io.StringIO()):
        claims.report(
            "minimal_variations", found, profile="smoke", results=tables.all, settings=SMOKE,
            not_tested=claims.not_tested(estimates.NOT_TESTED, found),
        )  # fmt: skip


def test_every_figure_is_drawn_from_the_tables(tables: Tables) -> None:
    maps, points = tables["maps"], half_moons(50, np.random.default_rng(0)).points
    drawn = [
        figures.eigenfunctions(maps, points, np.zeros((3, 2, 2))),
        figures.learned(maps, points, {key: [1.0, 2.0, 3.0] for key in networks.LOSSES}),
        figures.unification(tables["unification"]),
        figures.exact(tables["exact"]),
        figures.noise(tables["noise"]),
        figures.density(tables["density"], controls.matched(SMOKE)),
        figures.labels(tables["unification"]),
        figures.counterexample(tables["unification"], points),
        figures.bound(tables["bounds"]),
        figures.networks(tables["networks"], controls.untrained(SMOKE)),
        figures.weight(tables["weights"]),
        figures.metric({"digits": tables["images"]}),
        figures.promise({"digits": tables["promise"]}),
    ]
    assert len({id(one) for one in drawn}) == len(figures.__all__)
    width = max(float(one.get_size_inches()[0]) for one in drawn)
    assert width == plotting.WIDTH
    plt.close("all")


def test_methods_are_named_once_and_maps_show_known_ones() -> None:
    assert all(name == method.name for name, method in variants.METHODS.items())
    assert set(experiments.DRAWN) <= {*variants.METHODS, *networks.LOSSES}


def test_directions_of_features_are_ordered_by_variation() -> None:
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((2000, 3))
    noise = [0.1, 0.5, 2.0]
    views = [clean + rng.standard_normal((2000, 3)) * noise for _ in range(2)]
    found = own.directions(views, k=3)
    expected = [s**2 / (1 + s**2) for s in noise]
    np.testing.assert_allclose(found.variation, expected, atol=0.04)


def test_own_features_are_refused_by_name() -> None:
    x = np.random.default_rng(0).standard_normal((20, 2))
    with pytest.raises(InputError, match="labels must be 20 whole numbers"):
        own.directions([x, x], np.zeros(3, int), k=1)
    with pytest.raises(InputError, match=r"view 0 has shape \(20, 2\), view 1 has \(19, 2\)"):
        own.directions([x, x[:-1]], k=1)
    with pytest.raises(InputError, match="one class"):
        own.directions([x, x], np.zeros(20, int), k=1)
    with pytest.raises(InputError, match="same rows, got 20 and 19"):
        own.against_inputs(x, x[:-1], k=1)
    with pytest.raises(InputError, match="k must be at most 2, the rank of the features, got 3"):
        own.against_inputs(x, x, k=3)


def test_the_plane_of_the_maps_covers_the_moons() -> None:
    grid = moons.plane(40)
    assert grid.min(0).tolist() == [-1.5, -1.5]
    assert grid.max(0).tolist() == [1.5, 2.5]
