"""The chapter on the cluster prior: losses, identities, cells, numbers, figures, claims."""

import contextlib
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib import claims
from ssl_lib.data import ImageData
from ssl_lib.errors import InputError
from ssl_lib.papers.cluster_prior import (
    BATCHES,
    PANELS,
    RUNS,
    Settings,
    Tables,
    batches,
    comparisons,
    encoders,
    estimates,
    experiments,
    factors,
    figures,
    identities,
    information,
    load,
    losses,
    measures,
    mixtures,
    own,
    photographs,
    prototypes,
    tails,
    training,
)
from ssl_lib.papers.cluster_prior.settings import PHOTOGRAPHS
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Store


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of the smoke profile, computed once."""
    folder = tmp_path_factory.mktemp("store")
    return load(Settings(profile="smoke"), store=Store(folder, published=folder))


# Settings and cells


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": "cifar11"}, r"data must be a set of photographs, got 'cifar11'.*cifar10"),
        ({"data": 3}, "data must be text, got 3"),
        ({"seeds": -1}, "seeds must be 0"),
    ],
)
def test_what_no_run_can_use_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        Settings(**given)


def test_the_larger_profiles_share_the_small_tables_and_add_photographs():
    quick, standard = (experiments.experiments(Settings(profile=p)) for p in ("quick", "standard"))
    assert [standard[name].place for name in quick] == [made.place for made in quick.values()]
    assert [name for name in standard if name not in quick] == ["photographs", "overlay"]
    assert standard["photographs"].place == "cluster_prior/photographs.standard"
    other = experiments.experiments(Settings(profile="standard", data="cifar10"))
    assert other["photographs"].place == "cluster_prior/photographs.standard.cifar10"
    assert other["overlay"].place == standard["overlay"].place


def test_rows_of_a_cell_do_not_depend_on_other_cells(tables):
    made = experiments.experiments(Settings(profile="smoke"))
    for name in ("gaussians", "fixed", "factors", "batches"):
        experiment = made[name]
        alone = experiment.compute(experiment.config, experiment.cells[-1])
        whole = tables[name]
        for column, value in experiment.cells[-1].items():
            whole = whole[whole[column] == (0 if column == "seed" else value)]
        pd.testing.assert_frame_equal(alone, whole[list(alone)].reset_index(drop=True))


def test_panels_and_remedies_name_runs_that_differ_in_one_thing():
    fixed = ("name", "title", "looks")
    for first, second in (
        *measures.REMEDIES.items(),
        ("index", "tail-0.5"),
        ("weight-1", "tail-0.5"),
    ):
        one, other = (
            {k: v for k, v in vars(RUNS[name]).items() if k not in fixed}
            for name in (first, second)
        )
        assert sum(one[key] != other[key] for key in one) == 1, (first, second)
    assert all(name in RUNS for panel in PANELS.values() for name in panel.runs)


# Losses on points: table 2.5 of the dossier


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("simclr", [7.0338, 7.0528, 7.1110, 7.2128, 7.3682, 7.5724]),
        ("spectral", [-1.5005, -1.4805, -1.4204, -1.3203, -1.1802, -1.0198]),
        ("msn", [0.0, 0.0202, 0.0823, 0.1928, 0.3680, 0.6370]),
        ("vicreg", [0.0, 0.492, 2.074, 4.988, 9.990, 20.016]),
    ],
)
def test_losses_of_two_clusters_by_share(name, expected):
    found = [losses.of_shares(name, [p, 1 - p]) for p in (0.5, 0.6, 0.7, 0.8, 0.9, 0.99)]
    assert found == pytest.approx(expected, abs=6e-5 if name != "vicreg" else 6e-4)


@pytest.mark.parametrize(
    ("name", "expected", "within"),
    [
        ("simclr", [6.7397, 6.7926, 6.9484, 7.3452], 2e-4),
        ("barlow", [1.4999, 1.5551, 1.6807, 1.8996], 5e-4),
        ("swav", [2.130, 2.725, 3.924, 5.820], 2e-3),
    ],
)
def test_losses_of_three_clusters(name, expected, within):
    ratios = ([1, 1, 1], [2, 1, 1], [4, 1, 1], [18, 1, 1])
    found = [losses.of_shares(name, np.divide(ratio, sum(ratio))) for ratio in ratios]
    assert found == pytest.approx(expected, rel=within)


def test_pmsn_s_column_is_of_the_shares_from_the_prior():
    """The dossier prints the other direction; both agree that the prior itself costs nothing."""
    shares = (0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
    found = [losses.pmsn([p, 1 - p], [0.9, 0.1]) for p in shares]
    by_hand = [sum(a * np.log(a / b) for a, b in ((p, 0.9), (1 - p, 0.1))) for p in shares]
    assert found == pytest.approx(by_hand, abs=3e-4)
    turned = [losses.pmsn([0.9, 0.1], [p, 1 - p]) for p in shares]
    assert turned == pytest.approx([0.3681, 0.2263, 0.1164, 0.0368, 0.0, 0.1441], abs=6e-4)


def test_simclr_on_points_has_the_closed_form():
    shares, n = np.array([0.5, 0.3, 0.2]), losses.IMAGES
    form = np.log(2 * n) - 2 + (shares * np.log(shares * np.exp(2) + 1 - shares)).sum()
    assert losses.of_shares("simclr", shares) == pytest.approx(form, abs=2e-3)


@pytest.mark.parametrize("name", [name for name in losses.LOSSES if name != "swav"])
def test_every_loss_is_least_at_equal_shares_and_pmsn_at_its_prior(name):
    table = losses.curves(np.linspace(0, 1.5, 16), 0.5)
    own_curve = table[table.loss == losses.LOSSES[name].title]
    assert own_curve.exponent[own_curve.value.idxmin()] == 0
    pmsn = table[table.loss == "PMSN"]
    assert pmsn.exponent[pmsn.value.idxmin()] == pytest.approx(0.5)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5])
def test_vicreg_has_a_prior_on_points_that_stay_and_none_on_points_that_move(exponent):
    shares = losses.power_law_shares(10, exponent)
    assert losses.vicreg_free(shares) == pytest.approx(0, abs=1e-9)
    expected = {0.5: 1.523, 1.0: 3.886, 1.5: 6.840}[exponent]
    assert losses.of_shares("vicreg", shares, 400) == pytest.approx(expected, abs=1e-3)


def test_swav_s_usual_kernel_moves_next_to_nothing_on_points():
    equal, steep = (losses.swav_standard(losses.power_law_shares(10, x)) for x in (0.0, 1.0))
    assert steep - equal == pytest.approx(2.27e-5, rel=0.01)


def test_two_clusters_carry_no_prior_in_barlow_twins():
    found = [losses.of_shares("barlow", [p, 1 - p]) for p in (0.5, 0.7, 0.9)]
    assert found == pytest.approx([2, 2, 2], abs=1e-3)


def test_pmsn_with_a_uniform_prior_is_msn():
    assert losses.reduction() == pytest.approx((0, 0), abs=1e-12)


# K-means and mixtures


def test_identities_hold_to_rounding_and_need_equal_sizes():
    found = (
        identities.identities_cell(identities.Sizes(), {"seed": 5}).set_index("check").difference
    )
    assert found[["pairs", "invariance", "spectral", "weights", "msn"]].max() < 1e-12
    assert found["unequal"] > 0.01
    assert 0 <= found["transport"] < 0.01


def test_k_means_halves_a_large_cloud_and_true_weights_do_not():
    config = mixtures.Mixtures(ratios=(30,))
    found = pd.concat([mixtures.gaussians_cell(config, {"seed": s}) for s in (101, 102)])
    mean = found.groupby("model").agreement.mean()
    assert mean["kmeans"] < 0.2
    assert mean["matched"] > 0.8


def test_digits_have_the_tail_that_is_asked_for():
    made = tails.digits(1.5, 3)
    sizes = sorted(made.labels.bincount().tolist(), reverse=True)
    assert sizes == [134, 47, 26, 17, 12, 9, 7, 6, 5, 4]
    assert made.labels.bincount()[list(made.order)].tolist() == sizes
    assert made.test_labels.bincount().tolist() == [40] * 10
    assert len(made.held) == sum(max(2, round(40 * r**-1.5)) for r in range(1, 11))


# Prototypes, factors, batches, encoders


def test_prototypes_take_the_shares_of_their_prior():
    config = prototypes.Fit(exponents=(1.5,))
    found = prototypes.fixed_cell(config, {"seed": 101}).set_index("model")
    assert found.largest["uniform"] < 0.16
    assert found.largest[["rank", "index"]].between(0.35, 0.55).all()
    assert found.agreement.between(0, 1).all()


def test_only_the_digit_moves():
    images, even, rare = factors.canvas(factors.Canvas(), 2.0, 3)
    first, second = factors.views(images, torch_generator(3, "test"))
    moved = (first - images).abs()
    assert moved[..., 8:].mean() == pytest.approx(0.1 * (2 / np.pi) ** 0.5, rel=0.05)
    assert moved[..., :8].mean() > moved[..., 8:].mean() + 0.05
    assert second.shape == images.shape
    assert rare.bincount()[0] > 4 * even.bincount().max()


def test_batches_of_few_classes_have_that_many_and_every_image_once_in_a_while():
    made = tails.digits(0.0, 1)
    method, views = training.make("simclr", 0)
    seen = []

    def watching(images, generator):
        seen.append(images)
        return views(images, generator)

    from ssl_lib.data.subsets import class_poor_batches

    rows = class_poor_batches(
        made.labels, generator=torch_generator(0, "t"), n_batches=3, batch_size=64,
        classes_per_batch=2,
    )  # fmt: skip
    recipe = training.Recipe(steps=3, batch_size=64)
    training.train(method, made.images, watching, rows, recipe, seed=0)
    assert [len(batch) for batch in seen] == [64] * 3


def test_ink_is_told_in_tenths():
    tenth = batches.ink(tails.digits(0.0, 1).images)
    assert tenth.min() == 0
    assert tenth.max() == 9


def test_an_autoencoder_sees_half_of_the_blocks_and_learns_the_clean_image():
    method, views = training.make("autoencoder", 0)
    images = tails.digits(0.0, 1).images
    clean, hidden = views(images, torch_generator(0, "t"))
    assert clean.max() <= 1
    assert (hidden == 0).double().mean() == pytest.approx(0.5, abs=0.02)
    rows = training.drawn(len(images), 128, torch_generator(0, "r"))
    before = _reconstruction(method, clean, hidden)
    training.train(method, images, views, rows, training.Recipe(steps=60), seed=0)
    assert _reconstruction(method, clean, hidden) < 0.6 * before


def _reconstruction(method, clean, hidden):
    with torch.no_grad():
        made = method.train().decoder(method.encoder(hidden))
    return float((made - clean.flatten(1)).square().mean())


def test_settled_networks_have_the_statistics_of_all_images():
    images = tails.digits(0.0, 1).images
    method, _ = training.make("pmsn", 0, n_prototypes=16)
    still = training.settled(method, images)
    with torch.no_grad():
        expected = method.train().encoder(images)
    assert torch.allclose(training.features(still, images), expected, atol=1e-2)
    assert training.shares(still, images).sum(1) == pytest.approx(torch.ones(len(images)))


def test_rebalancing_and_looks_happen_on_the_way():
    made, recipe = tails.digits(1.5, 1), training.Recipe(steps=16)
    _, rows = encoders.train(RUNS["tail-0"], made, recipe, 1)
    steps = sorted({at for name, at, _ in rows if name == "distinct at"})
    assert steps == list(range(0, 17, 2))
    plain, even = (
        encoders.train(RUNS[n], made, recipe, 1)[0] for n in ("simclr", "simclr-rebalanced")
    )
    pairs = zip(plain.parameters(), even.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_the_prior_that_fits_the_data_wins_in_most_seeds():
    """Check 12 of the dossier, with seeds of its own."""
    seeds, config = (101, 102, 103), encoders.Digit()

    def agreement(run, seed):
        table = encoders.encoders_cell(config, {"seed": seed, "run": run})
        return table.set_index("measure").value["agreement"]

    for better, worse in (("balanced-0", "balanced-0.5"), ("tail-0.5", "tail-0")):
        assert sum(agreement(better, s) > agreement(worse, s) for s in seeds) >= 2


# Numbers


def test_classes_of_the_tail_are_judged_apart():
    labels = torch.arange(10).repeat(4)
    order = tuple(range(9, -1, -1))
    found = encoders.of_classes(labels.clamp(min=2), labels, order)
    assert found["head"] == 1
    assert found["tail"] == pytest.approx(1 / 3)
    assert found["accuracy"] == pytest.approx(0.8)


def test_the_chooser_loses_nothing_where_it_is_right():
    rows = [
        (0, name, measure, 0.0, value)
        for name, ari, loss in zip(measures.TAILED, (1, 2, 5, 3, 0), (4, 3, 1, 2, 5), strict=True)
        for measure, value in (
            ("agreement", ari), ("held-out loss", loss), ("held-out cross-entropy", -loss),
            ("used", 1), ("distinct", ari), ("divergence", -ari), ("rankme", -ari),
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["seed", "run", "measure", "at", "value"])
    found = measures.choosing(table).set_index("chooser")
    assert found.lost["held-out loss"] == 0
    assert found.exponent["held-out loss"] == 0.5
    assert found.lost["RankMe"] == 5
    assert found.lost["none: the uniform prior"] == 4


def test_the_rule_s_winner_is_counted():
    gains = pd.Series([0.1, -0.2, 0.3], index=[0, 1, 2])
    found = comparisons.followed([comparisons.Comparison("data", "a", "b", "probe", gains)])
    assert found.won[0] == 2
    assert found["mean"][0] == pytest.approx(0.2 / 3)


def test_comparisons_name_the_uniform_prior_on_balanced_data(tables):
    made = {name: tables[name] for name in ("gaussians", "fixed", "factors", "encoders")}
    found = comparisons.followed(comparisons.comparisons(made, {}))
    balanced = found[found.data.str.contains("balanced") & (found.against != "uniform")]
    assert len(balanced) == len(found[found.data.str.contains("balanced")])
    others = found[~found.data.str.contains("balanced")]
    assert "uniform" not in set(others["should win"])
    assert found.duplicated(["data", "should win", "against", "measure"]).sum() == 0


# Photographs, figures, claims, own


@pytest.fixture
def pictures(monkeypatch):
    """Photographs of a miniature: 4 classes of noise."""
    draw = torch.Generator().manual_seed(0)

    def made(n):
        labels = torch.arange(n) % 4
        images = torch.randint(0, 256, (n, 3, 32, 32), generator=draw, dtype=torch.uint8)
        images[:, 0] = (60 * labels)[:, None, None].to(torch.uint8)
        names = tuple("abcd")
        return ImageData(images, labels, names, name=f"mini/{n}", source="noise")

    monkeypatch.setattr(photographs, "_both", lambda name: (made(400), made(80)))


def test_photographs_are_trained_and_measured(pictures):
    recipe = training.Recipe(steps=4, batch_size=32)
    config = photographs.Photographs(data="mini", most=40, prototypes=8, recipe=recipe)
    parts = [
        photographs.photographs_cell(config, {"seed": s, "law": law, "exponent": x}).assign(
            seed=s, law=law, exponent=x
        )
        for s in (0, 1)
        for law in PHOTOGRAPHS
        for x in (0.0, 0.5)
    ]
    table = pd.concat(parts, ignore_index=True)
    assert table.value.notna().all()
    found = measures.photographs_summary(table)
    assert found.accuracy.between(0, 100).all()
    plt.close(figures.photographs({"mini": table, "other": table}))
    assert len(comparisons.followed(list(comparisons._on_photos("mini", table)))) == 12


def test_digits_lie_over_photographs(pictures):
    photos = photographs._both("mini")[0]
    made, digit = photographs.overlaid(photos, 200, 1.5, torch_generator(0, "o"))
    assert (made.images.max(dim=3).values.max(dim=2).values.min() > 200).all()
    assert digit.bincount().argmax() == 0
    recipe = training.Recipe(steps=4, batch_size=32)
    config = photographs.Overlay(images=200, test=80, recipe=recipe)
    parts = [
        photographs.overlay_cell(config, {"seed": 0, "model": m}).assign(seed=0, model=m)
        for m in ("uniform", "rank")
    ]
    found = measures.overlay(pd.concat(parts))
    assert found.prior.tolist() == ["uniform", "that of the digits"]
    assert found.notna().all(axis=None)


# Estimates of tables made by hand, two seeds


def _of(rows, *columns):
    """Make a table with a row of every seed; a value is given for both."""
    named = [(seed, *row[:-1], value) for row in rows for seed, value in enumerate(row[-1])]
    return pd.DataFrame(named, columns=["seed", *columns, "value"])


def test_k_means_is_judged_at_every_ratio_and_exponent():
    plane = pd.DataFrame(
        [(s, r, "kmeans", large, 0.8) for s in (0, 1)
         for r, large in ((1, 0.3), (3, 0.8), (10, 1 / 3))],
        columns=["seed", "ratio", "model", "largest", "true"],
    )  # fmt: skip
    digits = pd.DataFrame(
        [(s, x, large, 0.5) for s in (0, 1) for x, large in ((0.0, 0.1), (0.5, 0.3))],
        columns=["seed", "exponent", "largest", "true"],
    )
    found = {name: one.value for name, one in estimates._equalised(plane, digits).items()}
    assert found == pytest.approx(
        {"Gaussians 3 : 1 : 1": 0, "Gaussians 10 : 1 : 1": 1, "digits 0.5": 0.5}
    )


@pytest.mark.parametrize(("level", "tested"), [(0.60, True), (0.69, False)])
def test_a_method_that_has_gained_no_more_than_it_may_lose_is_not_tested(level, tested):
    accuracy = {"untrained": (level, level, level)}
    accuracy |= dict.fromkeys(("simclr", "vicreg", "msn"), (0.8, 0.75, 0.7))
    accuracy["autoencoder"] = (0.7, 0.7, 0.695)
    rows = [
        (method, classes, "few", (value, value))
        for method, values in accuracy.items()
        for classes, value in zip((10, 5, 2), values, strict=True)
    ]
    table = _of(rows, "method", "classes", "measure")
    found = estimates._batches(table)
    assert ("C4b" in found) == tested
    assert ("C4b" in claims.not_tested(estimates.NOT_TESTED, found)) != tested
    assert found["C4a"]["msn"].value == pytest.approx(10)
    lost = measures.lost_gain(table)
    assert lost.share["autoencoder"] == pytest.approx(0.005 / (0.7 - level))
    assert lost.gain["simclr"] == pytest.approx(100 * (0.8 - level))


def test_what_may_be_lost_is_what_the_rule_allows():
    (stated,) = (one for one in claims.load() if (one.paper, one.id) == ("cluster_prior", "C4b"))
    assert [float(part.high) for part in stated.rules if part.statistic == "autoencoder"] == [
        estimates.ALLOWED
    ]


def test_groups_are_judged_by_nearest_and_by_all_images():
    batches_of = _of(
        [("msn", k, name, (v, v)) for name, k, v in (("class", 10, 0.6), ("class", 2, 0.4),
                                                     ("ink", 10, 0.10), ("ink", 2, 0.09))],
        "method", "classes", "measure",
    )  # fmt: skip
    shown = _of(
        [(f"classes-{k}", name, (v, v)) for name, k, v in (("purity", 10, 0.8), ("purity", 2, 0.7),
                                                           ("ink", 10, 0.2), ("ink", 2, 0.25))],
        "model", "measure",
    )  # fmt: skip
    found = {name: one.value for name, one in estimates._groups(batches_of, shown).items()}
    expected = {
        "class, nearest images": 0.1, "ink, nearest images": 0.05,
        "class, all images": 0.2, "ink, all images": -0.01,
    }  # fmt: skip
    assert found == pytest.approx(expected)


def test_a_rare_factor_that_is_fully_told_is_not_discarded():
    """Prototypes that are the rare factor have its entropy, which is the lower bound."""
    nmi = pd.DataFrame({"even": [0.0], "rare": [1.0]})
    found = information.told(nmi, 2.0)
    assert found.least.rare[0] == pytest.approx(1)
    ends = information.discarded(nmi, 2.0)
    assert ends.most[0] == pytest.approx(-1)
    assert ends.least[0] == pytest.approx(-0.5 * (1 + np.log(10) / information.entropy(2.0)))


def test_bounds_hold_the_shares_of_counted_prototypes():
    """Five prototypes tell the even factor's halves and the rare factor's head, exactly counted."""
    from sklearn.metrics import normalized_mutual_info_score

    draw = np.random.default_rng(0)
    law = np.arange(1, 11.0) ** -2
    even, rare = draw.integers(10, size=200_000), draw.choice(10, 200_000, p=law / law.sum())
    found = np.where(rare == 0, even // 5, 2 + even % 3)
    nmi = {"even": normalized_mutual_info_score(even, found),
           "rare": normalized_mutual_info_score(rare, found)}  # fmt: skip
    shares = np.bincount(found) / len(found)
    own = -(shares * np.log(shares)).sum()
    entropies = {"even": np.log(10), "rare": information.entropy(2.0)}
    told = information.told(pd.DataFrame(nmi, index=[0]), 2.0)
    for name, value in nmi.items():
        share = value * (own + entropies[name]) / 2 / entropies[name]
        assert told.least[name][0] - 1e-3 <= share <= told.most[name][0]


def test_random_prototypes_tell_what_chance_gives():
    from sklearn.metrics import normalized_mutual_info_score

    draw = np.random.default_rng(0)
    scores = [normalized_mutual_info_score(*draw.integers(10, size=(2, 5000))) for _ in range(20)]
    assert np.mean(scores) == pytest.approx(information.chance(5000, 0.0), rel=0.1)


def test_the_toy_is_judged_by_shares_and_the_rare_factor():
    rows = [
        (s, 2.0, m, e, r) for s in (0, 1) for m, e, r in (("uniform", 0.6, 0.4), ("rank", 0.2, 0.5))
    ]
    table = pd.DataFrame(rows, columns=["seed", "exponent", "model", "even", "rare"])
    found = estimates._factors(table)
    ends = information.discarded(pd.DataFrame({"even": [0.6], "rare": [0.4]}), 2.0)
    assert found["kept at 2"].value == pytest.approx(0.1)
    assert found["discarded at 2"].bounds == pytest.approx((ends.least[0], ends.most[0]))
    over = _of(
        [(m, f"{name} information", (v, v)) for m, name, v in
         (("uniform", "digit", 0.03), ("uniform", "photograph", 0.1), ("rank", "digit", 0.01),
          ("rank", "photograph", 0.1))], "model", "measure",
    )  # fmt: skip
    found = estimates._overlay([over])
    assert found["kept over photographs"].value == pytest.approx(-0.02)
    assert found["discarded over photographs"].bounds[0] > 0
    assert np.isnan(estimates._overlay([])["kept over photographs"].value)


def _encoders(measure, values):
    return _of([(run, measure, 0.0, own) for run, own in values.items()], "run", "measure", "at")


def test_following_classes_is_judged_on_all_data():
    wide = dict.fromkeys(("tail-0", "tail-0-many"), (0.5, 0.5)) | {
        "tail-0.5": (0.4, 0.6), "tail-0.25-many": (0.6, 0.6),
    }  # fmt: skip
    photos = _of(
        [(law, x, "information", (0.2 + gain * x, 0.2 + gain * x)) for x in (0.0, 0.5)
         for law, gain in (("imbalance-10", 0.1), ("imbalance-100", 0.2), ("power-1", 0.3),
                           ("balanced", 9.0))], "law", "exponent", "measure",
    )  # fmt: skip
    found = estimates._followed(
        _encoders("information", wide), {"Fashion-MNIST": photos}, "tail", 0.5
    )
    assert found["digits"].value == pytest.approx(0)
    assert found["digits"].bounds[0] < -1
    assert found["digits, 64 prototypes"].value == pytest.approx(0.1)
    assert found["Fashion-MNIST"].value == pytest.approx(0.1)  # the mean of .05, .1 and .15
    assert np.isnan(found["CIFAR-10"].value)


def test_the_prior_that_hurts_most_surely_is_found_and_its_interval_corrected():
    from ssl_lib.claims.intervals import mean_interval

    wide = dict.fromkeys(("balanced-0", "balanced-0.25", "balanced-0-many", "balanced-0.25-many"),
                         (0.9, 0.9)) | {
        "balanced-0.5": (0.5, 0.9), "balanced-1": (0.85, 0.86),
    }  # fmt: skip
    found = estimates._hurts(_encoders("probe accuracy", wide), {})
    assert found.value == pytest.approx(0)  # two that change nothing are surer than a wide interval
    wide |= {"balanced-1": (0.85, 0.850001), "balanced-0.25": (0.95, 0.95),
             "balanced-0.25-many": (0.95, 0.95)}  # fmt: skip
    found = estimates._hurts(_encoders("probe accuracy", wide), {})
    assert found.note.startswith("digits, 1, the surest of 4; 98.75 %")
    _, low, high = mean_interval([-5.0, -4.9999], level=1 - 0.05 / 4)
    assert found.bounds == pytest.approx((float(low), float(high)))


def test_indices_are_compared_on_the_same_data():
    pairs = comparisons._PAIRS
    assert all(
        (RUNS[a].tail, RUNS[a].prototypes) == (RUNS[b].tail, RUNS[b].prototypes) for a, b in pairs
    )
    values = {name: (0.2 + place, 0.2 + place) for pair in pairs for place, name in enumerate(pair)}
    measured = ("agreement", "information", "purity", "used")
    found = comparisons.indices(pd.concat([_encoders(name, values) for name in measured]))
    assert found["in use"].tolist() == ["0.2 to 1.2"] * 4
    assert found["purity"].tolist() == ["+1.000 (+1.000 to +1.000)"] * 4
    assert found.prior.tolist() == ["exponent 0.5", "exponent 0.25"] * 2


def test_shares_of_both_glyphs_are_told_with_their_bounds():
    rows = [(s, 2.0, "uniform", 1.0, 0.0) for s in (0, 1)]
    table = pd.DataFrame(rows, columns=["seed", "exponent", "model", "even", "rare"])
    found = information.shares(table).iloc[0]
    assert (found.exponent, found.even, found.rare) == (2.0, "100%", "0%")
    assert found.ceiling == pytest.approx(0.699, abs=1e-3)


def test_an_image_has_a_copy_as_often_as_draws_say():
    draw = torch.randint(134, (4000, 128), generator=torch.Generator().manual_seed(0))
    copied = (draw[:, 1:] == draw[:, :1]).any(1).double().mean()
    assert measures.copies(134, 128) == pytest.approx(float(copied), abs=0.02)


def test_every_claim_is_decided(tables):
    found = estimates.estimates(tables)
    skipped = claims.not_tested(estimates.NOT_TESTED, found)
    known = {claim.id for claim in claims.load() if claim.paper == "cluster_prior"}
    assert set(found) | set(skipped) == known
    with contextlib.redirect_stdout(io.StringIO()):
        claims.report(
            "cluster_prior", found, profile="smoke", not_tested=skipped,
            settings=tables.settings, results=tables.all,
        )  # fmt: skip


def test_figures_are_drawn(tables):
    config = mixtures.Mixtures()
    x, cloud = mixtures.gaussians(config, 30, 0)
    encoded = tables["encoders"]
    drawn = [
        figures.prior(losses.curves((0.0, 0.5, 1.0), 0.5)),
        figures.gaussians(x, dict.fromkeys("abcd", cloud)),
        figures.kmeans(tables["gaussians"], tables["kmeans"]),
        figures.identities(tables["identities"]),
        figures.fixed(tables["fixed"]),
        figures.factors(tables["factors"]),
        figures.batches(tables["batches"]),
        figures.attributes(tables["batches"]),
        figures.crossing(encoded),
        figures.panels(encoded),
        figures.duplicates(measures.on_the_way(encoded, ("tail-0-many", "tail-0.25-many"))),
        figures.remedies(measures.remedies(encoded)),
    ]
    for figure in drawn:
        figure.canvas.draw()
        plt.close(figure)
    assert {one.title for one in BATCHES.values()} >= {"MSN"}


def test_priors_on_features_of_ones_own():
    made = tails.digits(1.5, 4)
    features = made.images.flatten(1)
    found = own.compare(features, (0.0, 1.0), labels=made.labels, n_prototypes=10)
    assert found.largest[1] > found.largest[0]
    assert found.agreement.between(-0.1, 1).all()
    nearest, usage = own.fitted(features, 1.0, n_prototypes=10).nearest(3, 5)
    assert nearest.shape == (3, 5)
    assert (usage.diff() <= 0).all()
    with pytest.raises(InputError, match="n_prototypes must be at most the 267 samples, got 300"):
        own.fitted(features, 1.0, n_prototypes=300)
    with pytest.raises(InputError, match="dimensions must be at least 1, got -1"):
        own.fitted(features, 1.0, dimensions=-1)
