"""The DIET chapter: worlds, training, exact comparisons, tables, numbers, figures, claims."""

import contextlib
import io
import math
from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional

from ssl_lib import claims, data
from ssl_lib.errors import InputError
from ssl_lib.papers.diet import (
    PANELS,
    RUNS,
    WORLDS,
    Settings,
    Tables,
    comparisons,
    costs,
    estimates,
    exact,
    experiments,
    figures,
    latents,
    load,
    measures,
    noise,
    observed,
    own,
    photographs,
    probing,
    training,
)
from ssl_lib.papers.diet.photographs import Photographs
from ssl_lib.papers.diet.settings import NOISE_CASES, NoiseWorld
from ssl_lib.results import Store


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of the smoke profile, computed once."""
    folder = tmp_path_factory.mktemp("store")
    return load(Settings(profile="smoke"), store=Store(folder, published=folder))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": "cifar11"}, r"data must be a folder or a data set, got 'cifar11'.*cifar10"),
        ({"images": "nowhere"}, "images must be a folder, got 'nowhere'"),
        ({"epochs": -1}, "epochs must be 0 .* or from 1 to 100,000, got -1"),
        ({"seeds": True}, "seeds must be an integer"),
    ],
)
def test_what_no_run_can_use_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        Settings(**given)


def test_panels_vary_one_field_around_the_reference():
    for panel in PANELS.values():
        assert "diet" in panel.runs
        for name in panel.runs:
            changed = replace(RUNS["diet"], **{panel.option: getattr(RUNS[name], panel.option)})
            free = {"name": name, "title": RUNS[name].title, "looks": RUNS[name].looks}
            if panel.name == "copies":  # as many steps
                free["epochs"] = RUNS[name].epochs
            assert replace(changed, **free) == RUNS[name]


def test_the_larger_profiles_share_the_small_tables_and_add_photographs():
    quick, standard = (experiments.experiments(Settings(profile=p)) for p in ("quick", "standard"))
    assert {made.place for made in quick.values()} < {made.place for made in standard.values()}
    assert standard["photographs"].place == "diet/photographs.standard"
    assert [len(standard[name].cells) for name in ("whole", "long")] == [1, 2]
    assert not any(
        made.place for made in experiments.experiments(Settings(profile="smoke")).values()
    )


# Training


def test_a_seed_splits_digits_class_by_class():
    (train, test), (other, _) = training.split(0), training.split(1)
    assert (len(train), len(test)) == (1297, 500)
    assert not torch.equal(train.images, other.images)
    shares = test.labels.bincount() / 500
    assert torch.allclose(shares, (train.labels.bincount() / 1297), atol=3e-3)


def test_images_that_come_twice_have_indices_of_their_own():
    every = training.split(0)[0]
    images = training.fewer(every, RUNS["copies-0.5"], 0)
    assert len(images) == 1297 + 648
    assert training.method(RUNS["diet"], images, 0).classifier.out_features == len(images)


def test_a_probe_beside_it_leaves_the_encoder_its_bits():
    every, test = training.split(0)
    images, run = every.subset(slice(0, 256)), replace(RUNS["diet"], epochs=2)
    found = training.train(run, images, 0, look=lambda _: {"few labels": 0.5})
    bare = training.method(run, images, 0)
    from ssl_lib.training.loop import pretrain

    pretrain(bare, images, policy=training.views(2), config=training._config(run, 256, 0),
             progress=False)  # fmt: skip
    pairs = zip(found.method.parameters(), bare.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    rows = {name: value for name, _, value in probing.trained(found, images, test)}
    assert 0 < rows["excess"] < math.log(256)


def test_nearest_rows_by_hand():
    rows = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    found = {at: v for _, at, v in probing.row_neighbours(rows, torch.tensor([0, 0, 1, 1]))}
    assert found[1.0] == 1.0
    assert found[2.0] == 0.5


def test_factors_are_told_from_themselves():
    factors = pd.DataFrame({"x": np.linspace(0, 1, 40), "rotation": np.linspace(0, 350, 40)})
    angle = torch.deg2rad(torch.tensor(factors.rotation.to_numpy()))
    code = torch.stack([angle.cos(), angle.sin()], 1).float()
    found = {name: value for name, _, value in probing.told(code, factors, code, factors)}
    assert found["rotation"] > 0.999
    assert found["x"] < 0.9


# Latents


@pytest.mark.parametrize(("dimension", "kappa"), [(3, 10.0), (5, 10.0), (20, 50.0)])
def test_draws_have_the_mean_cosine_of_von_mises_and_fisher(dimension, kappa):
    """A_d(kappa) = I_{d/2}(kappa) / I_{d/2 - 1}(kappa)."""
    from scipy.special import ive

    centre = functional.normalize(torch.ones(1, dimension), dim=1).expand(50_000, dimension)
    drawn = latents.around(centre, kappa, torch.Generator().manual_seed(0))
    expected = ive(dimension / 2, kappa) / ive(dimension / 2 - 1, kappa)
    assert float((drawn * centre).sum(1).mean()) == pytest.approx(expected, abs=3e-3)
    assert torch.allclose(drawn.norm(dim=1), torch.ones(50_000), atol=1e-5)


def test_observations_can_be_inverted():
    made = latents.Data.draw(WORLDS["free"], 0)
    z = functional.normalize(torch.randn(100, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    x = made.observe(z)
    for number, layer in enumerate(reversed(made.layers)):
        if number:
            x = torch.where(x < 0, x / 0.2, x)
        x = x @ layer.T
    assert torch.allclose(x, z, atol=1e-5)


def test_features_that_are_a_linear_map_of_latents_have_r2_one():
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)).double()
    turned = z @ torch.linalg.qr(torch.randn(3, 3).double()).Q
    assert latents.linear_r2(turned, z, intercept=False) == pytest.approx(1)
    assert latents.linear_r2(torch.randn(200, 3), z) < 0.1


def test_held_lengths_are_one():
    model = latents.Model(WORLDS["unit-both"], 0)
    assert torch.allclose(model.weight().norm(dim=1), torch.ones(1000))
    assert torch.allclose(model.features(torch.randn(4, 5)).norm(dim=1), torch.ones(4))


def test_skewed_clusters_fall_in_size():
    sizes = latents.Data.draw(WORLDS["skew-1"], 0).cluster.bincount(minlength=100)
    assert sizes[:10].sum() > 3 * sizes[50:60].sum()


def test_a_little_training_tells_more_of_the_latents():
    world = replace(WORLDS["free"], steps=150, looks=(1, 150))
    drawn = latents.Data.draw(world, 0)
    r2 = [latents.measure(drawn, model, 0)["latents"] for _, model, _ in latents.train(drawn, 0)]
    assert r2[1] > r2[0] + 0.1


def test_the_quietest_factor_is_kept_before_the_loudest():
    kept = dict(noise.kept(NoiseWorld(steps=150), NOISE_CASES["narrow"], 0))
    assert kept[0.1] > kept[2.0] + 0.3


# What is exact


def test_squared_error_and_spectral_contrastive_loss_share_their_minimum():
    gaps = dict(exact.spectral(exact.Linear(), 0))
    assert max(gaps.values()) < 1e-10


def test_the_two_losses_by_hand():
    """One image a view, F = C = 1: both reduce to traces of B = M'M / N."""
    means, eye = torch.tensor([[2.0, 0.0], [0.0, 2.0]]).double(), torch.eye(2).double()
    assert float(exact.squared_error(eye, means, 2 * eye)) == pytest.approx(1 - 2 / 2)
    assert float(exact.contrastive(eye, means, eye)) == pytest.approx(-2 * 4 + 2)


def test_streaming_keeps_what_no_number_of_classes_changes():
    config = exact.Streaming(dimension=8, batch=4, chunk=16)
    small, large = (exact.streaming(config, n) for n in (100, 1000))
    assert small["kept, streamed"] == large["kept, streamed"] == 4 * 8 + 4 + 4
    assert max(large[name] for name in ("loss", "features", "rows")) < 1e-5


# Photographs, on a miniature of the form of files


@pytest.mark.parametrize("method", ["pixels", "untrained", "diet", "simclr", "supervised"])
def test_photographs_from_a_folder(tmp_path, method):
    drawn = data.load("shapes", n=160, size=16)
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        path = tmp_path / str(int(label)) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    config = Photographs(
        data=str(tmp_path), size=16, images=0, views=4, supervised_epochs=2, batch_size=32
    )
    table = photographs.cell(config, {"seed": 0, "method": method}, tmp_path / "work")
    assert {"accuracy"} <= set(table.measure)
    if method in ("diet", "simclr"):
        views = table[table.measure == "loss at"]["at"]
        assert views.max() == 4


def write_parquet(file, images, labels):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    for image in images:
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(held := io.BytesIO(), "JPEG")
        rows.append({"bytes": held.getvalue(), "path": None})
    file.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"image": rows, "label": labels.tolist()}), file)


@pytest.mark.parametrize(
    ("name", "size", "files"),
    [
        ("cifar100", 32, ("train.parquet", "test.parquet")),
        ("tiny-imagenet", 64, ("train-00000-of-00004.parquet", "valid.parquet")),
    ],
)
def test_the_papers_sets_from_a_miniature_of_their_files(tmp_path, monkeypatch, name, size, files):
    """The profile's own network, views and probes; only fewer images and showings."""
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    drawn = data.load("shapes", n=20, size=size)
    for file in files:
        write_parquet(tmp_path / name / file, drawn.images, torch.arange(20) % 2)
    photographs.load.cache_clear()
    made = photographs.experiments(Settings(profile="paper", data=name))["photographs"]
    assert len(made.hashes) == 2
    config = replace(made.config, views=1)
    table = photographs.cell(config, {"seed": 0, "method": "diet"}, tmp_path / "work")
    photographs.load.cache_clear()
    assert config.encoder == "resnet18"
    assert 0 < table.value[table.measure == "loss at"].iloc[-1] < math.log(20)


def test_a_bill_counts_what_is_missing(tmp_path):
    store = Store(tmp_path, published=tmp_path)
    owed = costs.bill(store).set_index(["images", "table"])
    assert (owed.published == 0).all()
    assert (owed.hours == 0).all()
    assert owed.left["CIFAR-100", "photographs"] > 100
    whole = experiments.experiments(Settings(profile="standard"))["whole"]
    assert costs.views(whole.config, {"method": "diet"}) == 60_000 * whole.config.views


# Numbers and pictures


def test_every_claim_is_decided_or_says_why_not(tables):
    found = estimates.estimates(tables)
    known = {claim.id for claim in claims.load() if claim.paper == "diet"}
    assert known == {*found, *estimates.NOT_TESTED}
    with contextlib.redirect_stdout(io.StringIO()):
        claims.report("diet", found, profile="smoke", not_tested=estimates.NOT_TESTED,
                      settings=Settings(profile="smoke", seed=1))  # fmt: skip


def test_correlations_of_loss_and_accuracy_by_hand():
    rows = [
        (0, run, measure, at, value)
        for run, excess, accuracy in (("diet", 1.0, 0.7), ("rate-0.001", 2.0, 0.9))
        for measure, at, value in (("excess", 0.0, excess), ("accuracy", 10.0, accuracy))
    ]
    digits = pd.DataFrame(rows, columns=["seed", "run", "measure", "at", "value"])
    across = measures.across_settings(digits)
    assert list(across.panel) == ["reference", PANELS["rate"].title]
    assert measures.correlation_across(across).tolist() == pytest.approx([1.0])


def test_ranges_are_of_means_and_lengths_by_hand():
    few = pd.DataFrame(
        {"diet": [90.0], "epochs-8": [80.0], "simclr-views": [95.0], "simclr-epochs-4": [91.0]}
    )
    assert comparisons.slower(few).tolist() == [6.0]
    noisy = pd.DataFrame({"batch-32": [90.0, 94.0], "diet": [93.0, 93.0], "batch-512": [91, 91]})
    assert comparisons.extremes(noisy, PANELS["batch"].runs).tolist() == [2.0, 2.0]


def test_inside_panels_a_correlation_may_be_what_it_is_not_across_them():
    rows = [(0, "diet", "reference", 2.0, 90.0), (0, "batch-32", "batch", 1.0, 95.0),
            (0, "smoothing-0", "smoothing", 3.0, 91.0)]  # fmt: skip
    settings = pd.DataFrame(rows, columns=["seed", "run", "panel", "excess", "accuracy"])
    assert measures.within_panels(settings).to_dict() == pytest.approx(
        {"batch": -1.0, "smoothing": 1.0}
    )


def accuracies(**percent):
    """A table of digits: runs and their accuracies by seed, the same at every budget of labels."""
    rows = [
        (seed, run, "accuracy", at, value / 100)
        for run, values in percent.items()
        for seed, value in enumerate(values)
        for at in measures.LABELS
    ]
    table = pd.DataFrame(rows, columns=["seed", "run", "measure", "at", "value"])
    return table.replace({"run": {name: name.replace("_", "-") for name in percent}})


def compared(diet, **more):
    """Digits of three seeds in which only DIET differs."""
    level = {"pixels": 80, "untrained": 70, "simclr": 99, "vicreg": 98, "simclr_views": 90,
             "vicreg_views": 89, "supervised": 99}  # fmt: skip
    return accuracies(diet=diet, **{name: [value] * len(diet) for name, value in level.items()},
                      **more)  # fmt: skip


def test_useful_is_judged_by_the_least_of_all_budgets_and_sets(photos):
    digits = compared([84.0, 85.0, 86.0], mlp=[83.0] * 3, untrained_mlp=[70.0] * 3)
    part = photographed(range(3), ["pixels", "untrained", "diet", "simclr", "vicreg", "supervised"])
    photos["fashion-mnist"].tables["photographs"] = SimpleNamespace(table=part)
    found = estimates._useful(digits, comparisons.as_many_views(digits, photos))
    assert found["digits convolutional"].value == pytest.approx(5)
    assert found["digits convolutional"].low == pytest.approx(5 - 4.303 / 3**0.5, abs=1e-3)
    assert found["digits perceptron"].value == pytest.approx(3)
    assert found["photographs"].value == pytest.approx(0)  # all labels, where all have the same
    alone = estimates._useful(digits, comparisons.as_many_views(digits, {}))
    assert np.isnan(alone["photographs"].value)


@pytest.mark.parametrize(
    ("diet", "ends"),
    [([89.5] * 3, (1, 1, 1)), ([88.5, 89.0, 89.8], (0, 1, 1)), ([80.0, 80.1, 80.2], (0, 0, 0))],
)
def test_on_par_counts_what_is_surely_and_what_may_be(diet, ends):
    found = estimates._on_par(comparisons.as_many_views(compared(diet), {}))
    assert (found.low, found.value, found.high) == ends
    assert found.n == 3


def test_rivals_are_judged_by_views_and_by_steps():
    digits = compared([89.0] * 3, head=[90.0] * 3)
    found = estimates._unhelped(digits, comparisons.as_many_views(digits, {}))
    values = {name: part.value for name, part in found.items()}
    assert values == pytest.approx({"as many views": 1, "as many steps": 10, "projector": 1})


def test_a_row_says_how_far_diet_is_from_the_better_rival_of_each_seed():
    few = pd.DataFrame(
        {"diet": [90.0, 92.0], "simclr": [91.0, 92.0], "vicreg": [90.0, 95.0],
         "pixels": [80.0, 85.0], "untrained": [81.0, 84.0]}
    )  # fmt: skip
    row = comparisons.table({"digits, 1 label": few}).iloc[0]
    known = {"seeds": 2, "accuracy": 91, "simclr": -0.5, "vicreg": -1.5, "rival": -2, "baseline": 8}
    assert row[list(known)].to_dict() == known
    assert row.high - row.low == pytest.approx(2 * 12.706, abs=1e-2)


def test_recovery_is_what_features_tell_above_observations(tables):
    found, told = estimates._identified(tables), measures.final_r2(tables["latents"])
    raw = observed.r2(tables["latents"])
    above = {
        name: found["C9a"][f"{name}, above raw observations"].value for name in estimates._HELD
    }
    expected = {"rows free": "free", "rows of unit length": "unit-rows"}
    assert above == {name: (told[w] - raw[w]).mean() for name, w in expected.items()}
    changed = found["C9c"]["20 dimensions, above raw observations"].value
    gain = (told - raw).mean()
    assert changed == pytest.approx(gain["free"] - gain["dimension-20"])


@pytest.mark.parametrize(("last", "low"), [(97.0, -np.inf), (95.0, 2.0)])
def test_a_range_is_cut_off_where_the_best_rate_is_the_last(last, low):
    few = pd.DataFrame(
        {"rate-0.001": [90.0] * 3, "diet": [95.0] * 3, "rate-0.016": [94.0] * 3,
         "simclr-rate-0.001": [93.0] * 3, "simclr": [96.0] * 3, "simclr-rate-0.016": [last] * 3}
    )  # fmt: skip
    found = estimates._steadier(few)
    assert found.low == pytest.approx(low)
    assert ("SimCLR is outermost" in found.note) == np.isinf(low)


def test_observations_tell_latents_as_far_as_the_network_is_linear():
    world, seed = replace(WORLDS["free"], mixing=1), 3
    drawn = latents.Data.draw(world, seed)
    bare = latents.measure(drawn, observed._Unchanged(world, seed), seed)
    assert bare["latents"] == pytest.approx(1)
    table = pd.DataFrame({"seed": [1, 1, 0], "world": ["free", "unit-rows", "free"]})
    found = observed.r2(table)
    assert found.shape == (2, 2)
    key = Settings(seeds=2).every_seed[1]
    drawn = latents.Data.draw(WORLDS["free"], key)
    again = latents.measure(drawn, observed._Unchanged(WORLDS["free"], key), key)["latents"]
    assert found.loc[1, "free"] == again
    assert 0.6 < again < 0.9


def test_numbers_of_others_say_where_they_were_read():
    table = measures.published_numbers()
    assert table["read in"].str.len().min() > 10
    assert table.set_index("network")["linear probe, %"]["ResNet-101"] == 71.4


def photographed(seeds, methods):
    """A table of photographs whose accuracies are known."""
    rows = [
        (seed, method, *row)
        for seed in seeds
        for place, method in enumerate(methods)
        for row in [
            ("accuracy", 10.0, 0.5 + 0.1 * place + 0.02 * seed), ("accuracy", 0.0, 0.9),
            ("rankme", 0.0, 20.0), *[("accuracy at", v, v / 100) for v in (10.0, 20.0)],
        ][: 5 if method == "diet" else 3]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["seed", "method", "measure", "at", "value"])


@pytest.fixture
def photos():
    """Tables of photographs of one set: three seeds of a part, one of all images and of longer."""
    parts = {
        "photographs": photographed(range(3), ["pixels", "diet"]),
        "whole": photographed(range(1), ["diet"]),
        "long": photographed(range(1), ["diet"]),
    }
    results = {name: SimpleNamespace(table=table) for name, table in parts.items()}
    return {"fashion-mnist": Tables(settings=Settings(), tables=results)}


def test_photographs_by_hand(photos):
    found = measures.photographs(photos).set_index("title")
    assert found.seeds.to_dict() == {
        "raw pixels": 3,
        "DIET": 3,
        measures.ALL_IMAGES: 1,
        "DIET, longer": 1,
    }
    assert found.accuracy["DIET"] == pytest.approx(62)
    assert found["range"]["DIET"] == pytest.approx(4)
    assert np.isnan(found["range"]["DIET, longer"])
    way = measures.by_views(photos).set_index(["title", "views"]).accuracy
    assert way["DIET", 20.0] == pytest.approx(20)
    assert way["raw pixels", 0.0] == pytest.approx(52)


def test_figures_are_drawn(tables, photos):
    digits, told = tables["digits"], tables["latents"]
    drawn = measures.recovery(told, ["free"])
    along = measures.curves(digits)
    made = [
        figures.curves(along),
        figures.informative(along, measures.across_settings(digits)),
        figures.budgets(measures.budgets(digits, ["pixels", "diet"])),
        figures.ablations(digits),
        figures.rates(digits),
        figures.rivals(measures.rivals(digits)),
        figures.rows(measures.row_neighbours(digits)),
        figures.identifies(drawn),
        figures.violations(measures.violations(told, observed.r2(told))),
        figures.noise(measures.noise_kept(tables["noise"])),
        figures.factors(measures.factors(tables["shapes"])),
        figures.spectral(measures.spectral_gaps(tables["spectral"])),
        figures.streaming(measures.streaming_gaps(tables["streaming"])),
        figures.photographs(measures.by_views(photos)),
    ]
    for figure in made:
        figure.draw_without_rendering()
        plt.close(figure)


def test_images_of_ones_own():
    pictures = own.images(Settings(profile="smoke"))
    made = own.train(pictures, epochs=2)
    found = own.nearest(made, [0, 5], count=3)
    assert found.shape == (2, 3)
    assert not (found == torch.tensor([[0], [5]])).any()
    assert made.weight.shape == (128, made.encoder.out_dim)
    assert made.spec.training.learning_rate == 4 * 1e-3 * 128 / 256
    with pytest.raises(InputError, match="take at least 129 images, got 128"):
        own.nearest(made, [0, 5], count=128)
