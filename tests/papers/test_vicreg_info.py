"""The chapter on VICReg from information theory: numbers of the dossier, cells, claims."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ssl_lib import claims
from ssl_lib.errors import InputError
from ssl_lib.evaluation.normality import normality_control
from ssl_lib.geometry import linear_region
from ssl_lib.papers.vicreg_info import (
    LADDER,
    LOSSES,
    Settings,
    Tables,
    bounds,
    distances,
    encoders,
    estimates,
    experiments,
    figures,
    ladder,
    load,
    measures,
    moons,
    normality,
    own,
    photographs,
    regions,
    settings,
    training,
)
from ssl_lib.papers.vicreg_info.settings import CHOSEN, DRAWS, Sizes
from ssl_lib.paths import repository
from ssl_lib.results import Store
from ssl_lib.theory.mixtures import cube_entropies, squeezed_cube


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of the smoke profile."""
    return load(Settings(profile="smoke"), Store(tmp_path_factory.mktemp("store")))


# Settings and cells


def test_senseless_settings_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="seeds must be 0"):
        Settings(seeds=-1)
    with pytest.raises(InputError, match="data must be a folder or a data set, got 'cifar11'"):
        Settings(data="cifar11")
    with pytest.raises(InputError, match="images must be a folder, got '/nowhere': there is none"):
        Settings(images="/nowhere")
    with pytest.raises(InputError, match="images must be text"):
        Settings(images=3)  # type: ignore[arg-type]


def test_seeds_that_choose_are_reported_nowhere() -> None:
    chosen = {one for made in claims.stated.load() if made.paper == "vicreg_info" and
              made.chosen_on for one in made.chosen_on.seeds}  # fmt: skip
    assert chosen == set(DRAWS)
    assert max(Settings.usual_seeds.values()) <= min(DRAWS)


def test_the_half_that_chooses_shares_no_image_with_the_half_that_is_reported() -> None:
    first, second = training.halves()
    from ssl_lib import data

    every = data.load("digits", split="all").images
    rows = torch.cat([first.images, second.images]).flatten(1).tolist()
    assert sorted(rows) == sorted(every.flatten(1).tolist())
    images, test = training.split(3, "reported")
    inside = {tuple(row) for row in second.images.flatten(1).tolist()}
    assert {tuple(row) for row in images.images.flatten(1).tolist()} <= inside
    assert {tuple(row) for row in test.images.flatten(1).tolist()} <= inside


def test_every_rung_has_as_many_trials_and_the_first_is_the_default() -> None:
    for rung in LADDER.values():
        drawn = ladder.trials(rung, 20)
        assert len(drawn) == 20
        assert drawn[0] == {**rung.options, "learning_rate": settings.RATE}
        for name, value in drawn[0].items():
            factor = 3.0 if name == "learning_rate" else 10.0
            ratios = np.array([trial[name] for trial in drawn]) / value
            assert ratios.min() > 0.99 / factor
            assert ratios.max() < 1.01 * factor
            assert ratios.max() / ratios.min() > factor


@pytest.mark.parametrize("name", ["encoders", "moons", "bounds", "ladder", "batches"])
def test_rows_of_a_cell_do_not_depend_on_other_cells(tables: Tables, name: str) -> None:
    experiment = experiments.experiments(Settings(profile="smoke", seeds=2))[name]
    alone = experiment.compute(experiment.config, experiment.cells[-1])
    whole = tables[name]
    for column, value in experiment.cells[-1].items():
        whole = whole[whole[column] == (1 if column == "seed" else value)]
    pd.testing.assert_frame_equal(alone, whole[list(alone)].reset_index(drop=True))


def test_what_won_the_published_tuning_is_what_the_ladder_is_trained_with() -> None:
    made = experiments.experiments(Settings())["tuning"]
    found = Store().published_root / f"{made.place}.csv"
    assert measures.winners(pd.read_csv(found)) == {name: dict(v) for name, v in CHOSEN.items()}


def test_a_tuned_rung_has_its_trial_s_options() -> None:
    rung = LADDER["pairwise"]
    loss, rate = ladder.setting(rung, {"scale": 0.5, "learning_rate": 0.01})
    assert loss.options == {**LOSSES["pairwise"].options, "scale": 0.5}
    assert rate == 0.01
    assert ladder.setting(rung, {}) == (rung.loss, settings.RATE)


def test_a_batch_of_another_size_sees_images_as_often() -> None:
    images = training.split(0, "reported")[0]
    made = [training._config(len(images), 0, 40, batch, 2e-3) for batch in (128, 32)]
    assert made[0].epochs == made[1].epochs
    assert made[1].learning_rate == pytest.approx(made[0].learning_rate / 2)


# Entropies


def test_the_loss_with_pairs_on_the_sphere_is_infonce_with_itself() -> None:
    from ssl_lib.methods.entropy import pairwise_entropy

    generator = torch.Generator().manual_seed(0)
    z = nn.functional.normalize(torch.randn(20, 5, generator=generator).double())
    expected = -((z @ z.T - 1) / 0.2).logsumexp(1).sub(np.log(20)).mean()
    found = pairwise_entropy(z, variance=0.2) - pairwise_entropy(z[:1], variance=0.2)
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)


def test_the_second_order_term_errs_by_the_third_power() -> None:
    assert 2.9 < measures.slope(measures.expansion()) < 3.3


def test_bounds_that_a_theorem_orders_are_in_order_along_training(tables: Tables) -> None:
    looked = measures.training(tables["encoders"])
    assert measures.violations(looked) == 0
    assert set(measures.looks(looked).loss) == set(encoders.COMPARED)


def test_a_violation_is_counted() -> None:
    rows = [(0, "a", 0, name, value) for name, value in
            {"bhattacharyya": 3, "monte_carlo": 2, "kl": 4, "gaussian": 5, "hadamard": 6,
             "error": 0.1, "variance": 1}.items()]  # fmt: skip
    table = pd.DataFrame(rows, columns=["seed", "loss", "step", "measure", "value"])
    assert measures.violations(table) == 1
    fine = table.assign(value=table.value.where(table.measure != "bhattacharyya", 2.3))
    assert measures.violations(fine) == 0


def test_a_fall_at_a_rise_of_the_bound_is_counted_beyond_the_error() -> None:
    changes = [(0, 0.0), (1, 0.3), (2, 0.25), (1, 0.1), (3, 0.0)]  # bound, entropy; error .01
    rows = [
        (0, "logdet", step, name, value)
        for step, pair in enumerate(changes, start=1)
        for name, value in zip(("gaussian", "monte_carlo", "error"), (*pair, 0.01), strict=True)
    ]
    table = pd.DataFrame(rows, columns=["seed", "loss", "step", "measure", "value"])
    # Three rises; the first falls by nothing, the others by 3.5 and 7 standard errors.
    assert measures.rises(table).falls.to_list() == [False, False, True]
    found = estimates._raised(table)
    assert (found["falls at a rise"].value, found["falls at a rise"].n) == (1, 3)
    assert (found["Gaussian bound"].value, found["entropy"].value) == (3, 0)
    level = estimates._raised(table.assign(value=1.0))
    assert np.isnan(level["falls at a rise"].value)


def test_an_order_that_always_holds_has_an_exact_interval(tables: Tables) -> None:
    looked = measures.training(tables["encoders"])
    found = estimates._entropies(looked)["C3c"]["LogDet"]
    assert (found.value, found.n) == (1, 2)
    assert found.bounds == pytest.approx((0.025**0.5, 1))  # two of two: low squared is .025
    assert measures.share(19, 20).bounds[1] < 1


def test_the_family_raises_the_bound_and_lowers_the_entropy() -> None:
    start, end = (cube_entropies(*squeezed_cube(time)) for time in (0.0, 2.0))
    assert end.gaussian > start.gaussian
    assert end.exact < start.exact - 1


# Normality and regions


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    """An encoder with its head, hardly trained."""
    images, _ = training.split(0)
    return regions.network(training.train(LOSSES["vicreg"], images, 0, steps=20).method)


def test_the_plane_of_the_nearest_kink_shows_the_radius(model: nn.Sequential) -> None:
    images = training.split(0)[1].images[:4].double() / 255
    for image, other in zip(images, images.roll(1, 0), strict=True):
        region = linear_region(model, image)
        plane = regions.around(model, image, other, region, 4 * region.radius)
        assert regions.edge_distance(plane) == pytest.approx(region.radius, rel=1e-6)


def test_the_covariance_is_the_jacobian_s_inside_a_region(model: nn.Sequential) -> None:
    image = training.split(0)[1].images[0].double() / 255
    region = linear_region(model, image)
    given = {"draws": 100, "seed": 0}
    small = normality.covariance_gap(model, image, region, scale=region.radius / 100, **given)
    assert small is not None
    assert small < 1e-9
    assert normality.covariance_gap(model, image, region, scale=1.0, **given) is None


def test_normal_numbers_pass_as_often_as_in_the_dossier() -> None:
    shares = [normality_control(512, coordinates=2000, seed=seed).share for seed in range(5)]
    assert np.mean(shares) == pytest.approx(0.986, abs=0.002)


def test_a_curve_passes_a_level_where_its_logarithm_says() -> None:
    assert measures.left_at(pd.Series({0.1: 0.4, 1.0: 0.2}), 0.6) == 0.1
    assert measures.left_at(pd.Series({0.1: 0.9, 1.0: 0.8}), 0.6) == float("inf")


def _noisy(shares: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Shares that pass at two noises, by loss and seed; normal numbers pass always."""
    rows = [
        (seed, name, "embedding", "share", at, value)
        for name, seeds in shares.items()
        for seed, values in enumerate(seeds)
        for at, value in zip((0.01, 0.1), values, strict=True)
    ]
    rows += [(seed, "vicreg", "control", "share", 0.0, 1.0) for seed in (0, 1)]
    return pd.DataFrame(rows, columns=["seed", "loss", "part", "measure", "at", "value"])


def test_some_noise_below_touching_must_pass_in_every_network() -> None:
    usual = {name: [[1.0, 0.5], [0.99, 1.0]] for name in normality.TESTED}
    noise = _noisy(usual | {"simclr": [[1.0, 1.0], [0.9, 1.0]], "sigreg": [[0.9, 0.9], [1, 1]]})
    assert measures.passing_from(noise).simclr.to_list() == [0.01, 0.1]
    near = pd.DataFrame([("digits", "touching", 0.0, 0.05)],
                        columns=["data", "measure", "at", "value"])  # fmt: skip
    found = estimates._disjoint({"encoders": noise, "distances": near})  # type: ignore[arg-type]
    values = {name: part.value for name, part in found.items()}
    # More noise than needed does not count against a network; none that passes does.
    assert values == pytest.approx({"VICReg": 5, "SimCLR": 0.5, "LogDet": 5, "SIGReg": 0})


def test_what_the_test_adds_is_told_for_every_loss_without_it(tables: Tables) -> None:
    noise = tables["encoders"]
    shares = {"sigreg": 0.4, "vicreg": 0.1, "simclr": 0.4, "logdet": 0.9}
    pooled = noise.measure == "pooled"
    known = noise.assign(value=noise.value.where(~pooled, noise.loss.map(shares)))
    found = {name: part.value for name, part in estimates._normality(known)["C11"].items()}
    expected = {"less VICReg": 0.3, "less SimCLR": 0.0, "less LogDet": -0.5}
    assert found == pytest.approx(expected)


# Distances, moons, the bound


def test_distances_of_digits_are_those_of_the_dossier() -> None:
    found = distances.distances(distances.Sample(), {"data": "digits"})
    by = found.set_index(["measure", "at"]).value
    # Our pixels have 256 levels, those of the dossier 17.
    assert by["pairs", 0.0] == pytest.approx(0.331, abs=2e-3)
    assert by["pairs", 0.01] == pytest.approx(1.48, abs=0.01)
    assert by["pairs", 0.5] == pytest.approx(3.07, abs=0.01)
    assert by["pairs", 1.0] == pytest.approx(4.82, abs=0.01)
    assert by["nearest", 0.5] == pytest.approx(1.008, abs=2e-3)
    assert by["touching", 0.5] == pytest.approx(1.008 / 16, abs=2e-4)


def test_photographs_whose_pixels_are_compared_are_published_apart() -> None:
    made = experiments.experiments(Settings(profile="standard"))["pixels"]
    assert [cell["data"] for cell in made.cells] == list(experiments.PICTURES)
    assert made.place == "vicreg_info/pixels.standard"


def test_moons_have_the_ends_of_the_dossier() -> None:
    found = pd.concat([
        moons.moons(Sizes(), {"seed": seed}).assign(seed=seed) for seed in range(3)
    ])  # fmt: skip
    ends = measures.moon_ends(found).mean()
    expected = {"start": 2.41, "fixed": 2.11, "trainable": 0.47, "hard": 2.45, "slow": 1.25}
    for name, value in expected.items():
        assert ends[name] == pytest.approx(value, abs=0.25)


def test_gradients_of_the_mixture_are_those_of_its_likelihood() -> None:
    generator = np.random.default_rng(0)
    points, centres = generator.normal(size=(7, 2)), generator.normal(size=(3, 2))
    regime = moons.REGIMES["trainable"]
    (_, x0, c0), (_, x1, c1) = list(moons.fit(regime, points, centres, steps=1))
    x, c = (torch.tensor(part, requires_grad=True) for part in (x0, c0))
    logits = -torch.cdist(x, c).square() / (2 * moons.DEVIATION**2)
    (-logits.logsumexp(1).mean()).backward()
    assert torch.allclose(x - regime.inputs * x.grad, torch.from_numpy(x1))
    assert torch.allclose(c - moons.RATE * c.grad, torch.from_numpy(c1))


def test_tau_is_kendall_s_over_the_sweep() -> None:
    rows = [
        (0, weight, "representation", name, sign * place)
        for place, weight in enumerate((1.0, 3.0, 8.0))
        for name, sign in (("loss", 1), *((term, -1) for term in bounds.TERMS))
    ]
    table = pd.DataFrame(rows, columns=["seed", "weight", "features", "measure", "value"])
    assert measures.tau(table).loc[0].to_list() == [-1.0] * len(bounds.TERMS)


def test_the_bound_is_judged_on_both_features() -> None:
    signs = {"representation": 1, "embedding": -1}
    rows = [
        (seed, weight, features, name, value * (1 if name == "loss" else sign))
        for seed in (0, 1)
        for features, sign in signs.items()
        for value, weight in enumerate((1.0, 3.0, 8.0))
        for name in ("loss", *bounds.TERMS)
    ]
    table = pd.DataFrame(rows, columns=["seed", "weight", "features", "measure", "value"])
    found = estimates._bound(table)
    assert {name: part.value for name, part in found["C7b"].items()} == signs
    assert found["C7a"]["labelled residual, embedding"].value == -1
    assert found["C7a"]["unlabelled residual, representation"].value == 1


# Photographs and an encoder of one's own


def test_the_ladder_on_photographs_runs_in_miniature(tmp_path, monkeypatch) -> None:
    from ssl_lib import data

    small = data.load("shapes", n=96, size=16, seed=0), data.load("shapes", n=48, size=16, seed=1)
    monkeypatch.setattr(photographs, "_images", lambda *_: small)
    config = photographs.Photographs(data="shapes", epochs=1, batch_size=32, head=(16, 8))
    for rung in LADDER:
        cell = {"seed": 0, "rung": rung, "setting": "tuned"}
        found = photographs.cell(config, cell, tmp_path / rung).set_index("measure").value
        assert 0 <= found["accuracy"] <= 1
        assert np.isfinite(found["early loss"])


def test_standard_trains_the_ladder_on_two_sets_of_photographs() -> None:
    made = experiments.experiments(Settings(profile="standard"))["photographs"]
    assert (made.place, len(made.cells)) == ("vicreg_info/photographs.standard", 5 * 4 * 2)
    other = experiments.experiments(Settings(profile="standard", data="cifar10", seeds=3))
    assert len(other["photographs"].cells) == 3 * 4 * 2


def test_an_affine_encoder_is_normal_at_any_noise() -> None:
    train, test = own.images(Settings(profile="smoke"))
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
    found = own.report(encoder, train, test, policy=own.views(train), anchors=2)
    assert (found.normal["same region"] == 1).all()
    assert found.entropy.gaussian <= found.entropy.hadamard


# Claims, figures, sentences


def test_every_claim_is_decided(tables: Tables) -> None:
    found = estimates.estimates(tables)
    mine = [claim for claim in claims.stated.load() if claim.paper == "vicreg_info"]
    assert set(found) == {claim.id for claim in mine}
    verdicts = {claim.id: claims.decide(claim.rules, found[claim.id]) for claim in mine}
    assert {verdicts[name] for name in ("C3a", "C3b")} == {"reproduced"}


def _rungs(default: list[list[float]], tuned: list[list[float]]) -> pd.DataFrame:
    """Accuracies of VICReg, LogDet, pairwise and SIGReg by seed, at both settings."""
    rows = [
        (seed, rung, setting, "accuracy", value)
        for setting, seeds in (("default", default), ("tuned", tuned))
        for seed, values in enumerate(seeds)
        for rung, value in zip(LADDER, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["seed", "rung", "setting", "measure", "value"])


def test_gains_are_told_by_data_set_and_tuning_only_where_there_is_one() -> None:
    gain = _rungs([[0.80, 0.82, 0.84, 0.7], [0.80, 0.83, 0.84, 0.7]],
                  [[0.82, 0.84, 0.82, 0.8], [0.82, 0.83, 0.83, 0.8]])  # fmt: skip
    none = _rungs([[0.9, 0.8, 0.9, 0.9]] * 2, [[0.9, 0.9, 0.9, 0.9]] * 2)
    found = estimates._ladder({"digits": none, "CIFAR-10": gain})
    usual = {name: part.value for name, part in found["C6a"].items()}
    assert np.isnan([usual.pop(f"{name}, Fashion-MNIST") for name in ("LogDet", "pairwise")]).all()
    assert usual == pytest.approx({
        "LogDet, digits": -10, "pairwise, digits": 0,
        "LogDet, CIFAR-10": 2.5, "pairwise, CIFAR-10": 4,
    })  # fmt: skip
    assert found["C6c"]["LogDet, CIFAR-10"].value == pytest.approx(1.5)
    assert found["C6e"]["SIGReg, CIFAR-10"].value == pytest.approx(-2)
    # Gains of 3 and 3.5 points, of which 1 and 1 are left.
    assert found["C6d"]["CIFAR-10"].value == pytest.approx(2.25)
    assert [found["C6d"][name].note for name in ("digits", "Fashion-MNIST")] == [
        "no gain at defaults", "no table of these images",
    ]  # fmt: skip


def test_small_batches_are_told_of_both_explicit_entropies(tables: Tables) -> None:
    lost = {"vicreg": 1.0, "logdet": 3.0, "pairwise": 0.5, "sigreg": 9.0}
    known = tables["batches"].assign(value=lambda rows: [
        -lost[rung] / 100 if batch == rows.batch.min() else 0.0
        for rung, batch in zip(rows.rung, rows.batch, strict=True)
    ])  # fmt: skip
    names = ("encoders", "ladder", "bounds", "moons", "distances")
    given = {name: tables[name] for name in names} | {"batches": known}
    found = estimates.estimates(given)["C10"]  # type: ignore[arg-type]
    values = {name: part.value for name, part in found.items()}
    assert values == pytest.approx({"LogDet": -2, "pairwise": 0.5})


def test_gains_follow_the_table() -> None:
    rows = [
        (seed, rung, setting, "accuracy", value)
        for seed in (0, 1)
        for setting, values in (("default", (0.90, 0.92, 0.94)), ("tuned", (0.93, 0.93, 0.95)))
        for rung, value in zip(("vicreg", "logdet", "pairwise"), values, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["seed", "rung", "setting", "measure", "value"])
    assert measures.above(table, "tuned").loc[0].to_list() == pytest.approx([0, 2])
    found = measures.gain_by_tuning(table, ["logdet", "pairwise"])
    assert found.to_list() == pytest.approx([2, 2])


def test_figures_draw_every_table(tables: Tables) -> None:
    found = tables["encoders"]
    looked, rungs = measures.training(found), measures.rungs(found, tables["ladder"])
    drawn = [
        figures.noise(found), figures.pooled(found), figures.losses(found),
        figures.tuning(tables["tuning"]), figures.ladder(rungs),
        figures.batches(tables["batches"]), figures.training(looked),
        figures.bracket(looked, 64), figures.change(looked),
        figures.distances(tables["distances"], 0.01), figures.moons(tables["moons"]),
        figures.bounds(tables["bounds"]), figures.photographs({"digits": rungs}),
    ]  # fmt: skip
    for fig in drawn:
        fig.canvas.draw()
        assert all(axes.has_data() for axes in fig.axes)
        plt.close(fig)


def test_claims_name_figures_that_the_notebook_shows() -> None:
    text = (repository() / "notebooks" / "vicreg_info.ipynb").read_text()
    labels = set(re.findall(r"fig-vicreg_info-\w+", text))
    named = {claim.figure for claim in claims.stated.load() if claim.paper == "vicreg_info"}
    assert named - {"", None} <= labels
