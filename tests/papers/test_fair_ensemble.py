"""The FAIR-Ensemble chapter: settings, training, tables, figures, claims, notebook."""

import re
from dataclasses import replace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib import claims, data, plotting
from ssl_lib.errors import InputError
from ssl_lib.evaluation import fairness
from ssl_lib.evaluation.fairness.corruptions import CORRUPTIONS, corrupt
from ssl_lib.papers import chapter
from ssl_lib.papers.fair_ensemble import (
    Settings,
    estimates,
    experiments,
    figures,
    load,
    measures,
    own,
    real,
    statistics,
    table_1,
    training,
)
from ssl_lib.papers.fair_ensemble.recipes import recipe
from ssl_lib.papers.fair_ensemble.settings import ARMS, EVERYTHING, SOURCES
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Store

SMOKE = Settings(profile="smoke")
DIGITS = recipe(Settings())


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return load(SMOKE, store=Store(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return one training set with the dossier's settings, all but the number of repetitions."""
    sets = training.draw(DIGITS, 0)
    everyone = training.members(EVERYTHING, 21, 0)
    networks, _ = training.train(DIGITS, sets.train, everyone, tmp_path_factory.mktemp("members"))
    logits = training.logits(DIGITS, networks, sets.test.floats())
    return fairness.softmax(logits.numpy()), sets.test.labels.numpy()


# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"aggregate": "mean"}, "unknown aggregate 'mean'"),
        ({"members": 2}, "members must be 0 (the profile's number) or from 3 to 1,000, got 2"),
        ({"seeds": -1}, "seeds must be 0"),
        ({"seeds": 1.5}, "seeds must be an integer"),
        ({"members": True}, "members must be an integer"),
        ({"data": "cifar10"}, "data must be one of digits at the profile quick, got 'cifar10'"),
        ({"fresh": 1}, "fresh must be true or false"),
        ({"profile": "fast"}, "Unknown profile"),
    ],
)
def test_senseless_settings_are_refused_by_name(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_profiles_train_what_the_page_says():
    assert Settings().every_seed == chapter.seeds("fair_ensemble", 0, 26)[6:]  # six chose rules
    assert DIGITS.sizes == (1, 2, 3, 4, 5, 8, 10, 15, 21)
    assert (DIGITS.data, DIGITS.members, DIGITS.k, DIGITS.epochs) == ("digits", 21, 3, 40)
    assert recipe(Settings(profile="standard")).data == "cifar10"
    paper = [recipe(Settings(profile="paper", data=name)) for name in ("", "tiny-imagenet")]
    assert [(r.data, r.encoder, r.epochs, r.members, r.k) for r in paper] == [
        ("cifar100", "resnet9", 24, 20, 10),
        ("tiny-imagenet", "resnet9", 100, 20, 10),
    ]
    assert recipe(Settings(members=7)).sizes == (1, 2, 3, 4, 5, 7)
    assert "learning" not in experiments.experiments(Settings(profile="standard"))


def test_cells_do_not_depend_on_their_place_or_company(tables, tmp_path):
    """Cell contract: another seed's first cell, and one seed instead of two, change no row."""
    made = experiments.experiments(SMOKE)
    assert not {*SMOKE.every_seed} & {*Settings(profile="smoke", seed=1).every_seed}
    for name in ("curves", "sources"):
        alone = made[name].run(made[name].cells[1], tmp_path)
        second = tables[name][tables[name].seed == 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.drop(columns="seed"), second.drop(columns="seed"))


# Training


def test_arms_vary_what_they_say():
    for arm in ARMS.values():
        found = training.members(arm, 4, seed=0)
        for source in SOURCES:
            seeds = {getattr(member, source) for member in found}
            assert len(seeds) == (4 if source in arm.varies else 1), (arm.name, source)
        assert found[0] == training.members(EVERYTHING, 1, seed=0)[0]


def test_training_images_are_drawn_as_asked():
    sets = training.draw(DIGITS, 0, counts=(25, 6), minority=(3, 8, 9))
    assert sets.train.counts().tolist() == [25, 25, 25, 6, 25, 25, 25, 25, 6, 6]
    assert len(sets.train) + len(sets.test) == 1797
    with pytest.raises(InputError, match="class 0 of digits has 178 images, not 200"):
        training.draw(DIGITS, 0, counts=(200, 6), minority=(3,))
    first, second = (training.draw(DIGITS, seed).train for seed in (0, 1))
    assert len(first) == len(second) == 200
    assert first.fingerprint != second.fingerprint


def test_nothing_varied_is_exactly_no_difference(tables):
    spread = measures.sources(tables["sources"], tables["curves"]).groupby("varied")
    largest = spread.largest_spread.max()
    assert largest.pop("nothing") == 0 < largest.min()
    assert set(largest.index) == {*ARMS} - {"nothing"}
    control = spread.get_group("nothing")
    assert not control[["gain", "churn"]].to_numpy().any()
    assert (control.member == control.ensemble).all()


def test_dossier_numbers_on_one_training_set(measured):
    """Means of six training sets are 76.7, 94.2, 53.1 -> 85.0, 97.0, 65.4; sets vary by some 8."""
    curve = fairness.held_out_protocol(*measured, k=3, sizes=[1, 10, 21])
    assert 100 * curve.accuracy[0] == pytest.approx([76.7, 94.2, 53.1], abs=9)
    assert 100 * curve.accuracy[-1] == pytest.approx([85.0, 97.0, 65.4], abs=9)
    assert 100 * curve.gain[-1] == pytest.approx([8.3, 2.8, 12.3], abs=6)
    assert curve.gain[-1, 2] > curve.gain[-1, 1]
    groups = fairness.held_out_class_groups(*measured, k=3)
    churn = groups.mean(fairness.churn(measured[0]))
    assert churn == pytest.approx([0.251, 0.087, 0.436], abs=0.1)
    assert churn[2] > 3 * churn[1]


def test_rows_equal_the_functions_of_evaluation(measured):
    probabilities, labels = measured
    rows = own.table(probabilities, labels, k=3)
    found = measures.curves(rows).set_index(["protocol", "group", "members"]).accuracy
    unbiased = fairness.held_out_protocol(probabilities, labels, k=3, sizes=[1, 21])
    for row, size in zip(unbiased.accuracy, (1, 21), strict=True):
        ours = [found["unbiased", group, size] for group in measures.GROUPS]
        assert ours == pytest.approx(100 * row)
    whole = fairness.ensemble_predictions(probabilities) == labels
    by_class = [whole[labels == k].mean() for k in range(10)]
    assert found["paper", "all", 21] == pytest.approx(100 * np.mean(by_class))
    base = [(probabilities[0].argmax(1) == labels)[labels == k].mean() for k in range(10)]
    assert found["paper", "bottom", 1] == pytest.approx(100 * np.mean(np.sort(base)[:3]))
    groups = fairness.held_out_class_groups(probabilities, labels, k=3)
    churn = 100 * groups.mean(fairness.churn(probabilities))
    shown = measures.disagreement(rows).set_index(["measure", "group"]).value
    assert shown["churn"].tolist() == pytest.approx(churn.tolist())


@pytest.mark.usefixtures("one_thread")
def test_convolutions_train_one_by_one_fix_what_they_should_and_go_on(tmp_path):
    small = replace(
        DIGITS, encoder_options={"widths": (8, 8), "out_dim": 16}, encoder="convnet", epochs=1,
        warmup_epochs=0.0, precision="bfloat16", members=3, sizes=(1, 3), draws=5,
        arms=("order", "nothing"),
    )  # fmt: skip
    table = experiments.sources(small, {"seed": 0}, tmp_path)
    spread = table[table.measure == "logit difference"].set_index("varied").value
    assert spread["nothing"] == 0 < spread["order"]
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [str(number) for number in range(6)]
    again = experiments.sources(small, {"seed": 0}, tmp_path)
    pd.testing.assert_frame_equal(again, table)


def test_learning_curves_end_where_members_do_and_coincide_where_nothing_varies(tables):
    followed = tables["learning"]
    apart = measures.apart(followed).set_index(["varied", "group"])
    assert (apart.loc["nothing"] == 0).all(axis=None)
    for arm in ("everything", *SOURCES):
        assert apart.difference[arm, "bottom"] > 0
    last = followed[(followed.epoch == recipe(SMOKE).epochs) & (followed.repeat == 0)]
    still = last[(last.varied == "nothing") & (last.group == "all")].accuracy.item()
    control = tables["sources"].query("varied == 'nothing' and group == 'all' and members == 1")
    first = control[(control.seed == 0) & (control.measure == "accuracy")].value.item()
    assert still == pytest.approx(first, abs=0.2)


# Corruptions


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_corruptions_keep_shape_and_range_and_grow(name, channels):
    images = torch.rand((30, channels, 16, 16), generator=torch_generator(0, "images"))
    changes = []
    for strength in CORRUPTIONS[name]:
        changed = corrupt(images, name, strength, generator=torch_generator(0, "noise"))
        assert changed.shape == images.shape
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
        changes.append(float((changed - images).abs().mean()))
    assert changes[-1] > changes[0] > 0
    again = corrupt(images, name, CORRUPTIONS[name][-1], generator=torch_generator(0, "noise"))
    torch.testing.assert_close(again, changed)


def test_corruptions_have_their_closed_forms():
    grey, generator = torch.full((4, 3, 64, 64), 0.5), torch_generator(0, "noise")
    assert float(corrupt(grey, "gaussian noise", 0.1, generator=generator).std()) == pytest.approx(
        0.1, rel=0.02
    )
    assert float(corrupt(grey, "speckle noise", 0.2, generator=generator).std()) == pytest.approx(
        0.1, rel=0.02
    )
    shot = corrupt(grey, "shot noise", 50, generator=generator)
    assert float(shot.var()) == pytest.approx(0.5 / 50, rel=0.04)
    salted = corrupt(grey, "impulse noise", 0.07, generator=generator)
    assert float((salted != 0.5).float().mean()) == pytest.approx(0.07, rel=0.1)
    assert float(salted.mean()) == pytest.approx(0.5, abs=0.005)
    picture = torch.rand((2, 3, 8, 8), generator=generator) * 0.5
    flat = corrupt(picture, "contrast", 0.3, generator=generator)
    torch.testing.assert_close(flat.mean((2, 3)), picture.mean((2, 3)))
    torch.testing.assert_close(flat.std((2, 3)), 0.3 * picture.std((2, 3)))
    bright = corrupt(picture, "brightness", 0.2, generator=generator)
    torch.testing.assert_close(bright.amax(1), picture.amax(1) + 0.2)
    torch.testing.assert_close(  # saturation stays
        bright.amin(1) / bright.amax(1), picture.amin(1) / picture.amax(1)
    )
    whole = corrupt(picture, "pixelate", 0.5, generator=generator)
    blocks = picture.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    torch.testing.assert_close(whole[:, :, ::2, ::2], blocks, atol=2 / 255, rtol=0)
    with pytest.raises(InputError, match="unknown corruption 'fog'"):
        corrupt(picture, "fog", 1, generator=generator)


# Tables


def test_published_table_gives_the_derived_numbers():
    table = table_1.table_1().set_index(["data", "network", "group"])
    assert len(table) == 36
    relative = table.relative.round(2)
    assert relative["CIFAR-100", "VGG16", "bottom"] == 29.10
    assert relative["TinyImageNet", "ResNet9", "bottom"] == 55.26
    assert relative["CIFAR-100", "ResNet50", "all"] == 4.09
    bottom, top = (relative.xs(group, level="group") for group in ("bottom", "top"))
    assert (bottom.min(), bottom.max(), top.min(), top.max()) == (13.90, 55.26, 1.20, 4.66)


def test_curves_start_at_nothing_and_average_training_sets(tables):
    found = measures.curves(tables["curves"])
    assert not found[found.members == 1].gain.any()
    last = found[found.members == 5].set_index(["protocol", "group"])
    rows = tables["curves"].query("measure == 'accuracy' and members == 5 and group == 'bottom'")
    assert last.accuracy["unbiased", "bottom"] == pytest.approx(
        rows[rows.protocol == "unbiased"].value.mean()
    )
    assert (found.gain_low <= found.gain).all()
    shown = measures.side_by_side(found)
    assert shown.shape == (5, 7)
    assert shown["unbiased: bottom, %"].iloc[-1] == last.accuracy["unbiased", "bottom"]


def test_bound_holds_for_groups_and_classes(tables):
    means = measures.disagreement(tables["curves"])
    means = means.pivot(index="group", columns="measure", values="value")
    assert (means["gain of the vote"].abs() <= means.room).all()
    assert (means.room <= means.churn).all()
    classes = measures.classes(tables["curves"])
    assert len(classes) == 20
    assert (classes.gain.abs() <= classes.room + 1e-9).all()
    assert (classes.room <= classes.churn + 1e-9).all()


def test_ensembles_beat_their_mean_member(tables):
    """Check 9 of the dossier."""
    found = measures.curves(tables["curves"])
    last = found.query("protocol == 'unbiased' and group == 'all' and members == 5")
    assert last.gain.item() > 0


def test_corrupted_copies_follow_the_clean_groups(tables):
    clean, curves = (measures.corruption(tables["corruption"]), measures.curves(tables["curves"]))
    one = curves.query("protocol == 'unbiased' and members == 1").set_index("group").accuracy
    start = clean[clean.corruption == "clean"].set_index("group").one
    assert start.to_dict() == pytest.approx(one.to_dict())
    assert set(clean.severity) == {0, 1, 5}
    noise = measures.strong_noise(tables["corruption"]).set_index(["strength", "group"]).one
    assert set(noise.index.get_level_values(0)) == {0.0, 0.1, 0.5}
    assert noise[0.5, "all"] < noise[0.0, "all"]
    by_size = measures.corruption_curves(tables["corruption"])
    assert set(by_size.members) == {1, 2, 3, 4, 5}


def test_change_is_the_mean_over_the_worst_minus_clean(tables):
    first = tables["corruption"].query("seed == 0 and protocol == 'unbiased'")
    single = measures.corruption(first).set_index(["corruption", "severity", "group"]).gain
    for group in ("top", "bottom"):
        worst = [single[name, 5, group] for name in ("contrast", "gaussian noise")]
        expected = np.mean(worst) - single["clean", 0, group]
        change = measures.harmed(tables["corruption"], group)
        assert change[0] == pytest.approx(expected)
        assert len(change) == 2


def test_late_gains_are_counted_from_the_members_that_the_claim_names(tables):
    found = measures.curves(tables["curves"]).query("protocol == 'unbiased' and group == 'top'")
    accuracy = found.set_index("members").accuracy
    late = measures.late_gain(tables["curves"], "top", 4)
    assert late.mean() == pytest.approx(accuracy[5] - accuracy[4])
    assert measures.late_gain(tables["curves"], "top", 3).mean() == pytest.approx(
        accuracy[5] - accuracy[3]
    )


def test_members_cannot_disagree_on_more_than_twice_their_errors():
    """Two members, each wrong on one other image of ten, disagree on two: all that is allowed."""
    labels = np.arange(20) // 10
    predicted = np.tile(labels, (2, 1))
    for member, image in ((0, 0), (1, 1), (0, 10), (1, 11)):
        predicted[member, image] = 1 - predicted[member, image]
    rows = own.table(0.9 * np.eye(2)[predicted] + 0.05, labels, k=1)
    for group in ("top", "bottom"):
        assert measures.disagreement_allowed(rows, group).item() == pytest.approx(100)


def test_a_single_other_member_is_the_placebo(measured):
    probabilities, labels = measured
    found = measures.another_member(own.table(probabilities, labels, k=3))
    right = probabilities.argmax(2) == labels
    by_class = np.array([right[:, labels == label].mean(1) for label in range(10)])
    worst = np.argsort(by_class[:, 0], kind="stable")[:3]
    expected = 100 * (by_class[worst, 1:].mean() - by_class[worst, 0].mean())
    assert found["bottom"] == pytest.approx(expected)
    assert measures.another_member(pd.DataFrame(columns=[*statistics.COLUMNS, "seed"])) is None


def test_groups_of_all_sources_are_those_of_everything(tables):
    member = tables["sources"].query("measure == 'accuracy' and members == 1 and seed == 0")
    curves = tables["curves"].query(
        "measure == 'accuracy' and members == 1 and seed == 0 and protocol == 'unbiased'"
    )
    everything = member[member.varied == "everything"].set_index("group").value
    assert everything.to_dict() == pytest.approx(curves.set_index("group").value.to_dict())
    assert list(tables["sources"].varied.unique()) == list(ARMS)


def test_minority_is_what_the_run_says(tables):
    table = measures.imbalance(tables["imbalance"])
    assert list(dict.fromkeys(table.images)) == ["25/15", "25/6"]
    assert (table.training_sets == 2).all()
    rows = table.set_index(["images", "group"])
    assert rows.one["25/6", "minority"] < rows.one["25/15", "minority"]
    assert rows.relative["25/15", "minority"] == pytest.approx(
        100 * (rows.ensemble / rows.one - 1)["25/15", "minority"]
    )


def test_intervals_over_one_and_over_several_training_sets(tables):
    from scipy import stats

    rows = tables["curves"].query("protocol == 'unbiased' and members == 5 and group == 'bottom'")
    each = rows[rows.measure == "gain"].value
    expected = stats.ttest_1samp(each, 0).confidence_interval(0.95)
    found = measures.interval(rows, "gain").iloc[0]
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    one = measures.interval(rows[rows.seed == 0], "gain").iloc[0]
    assert one.value == each.iloc[0]
    assert one.low < one.value < one.high
    assert np.isnan(measures.interval(rows[rows.seed == 0], "accuracy by vote").low).all()


def test_resampled_images_give_the_binomial_interval():
    """Of n images of which a share p is right, the 95 % interval is p +- 1.96 sqrt(p (1-p) / n)."""
    right = np.arange(2000) % 4 > 0
    groups = fairness.subgroups({"a": right >= 0, "b": np.arange(2000) < 1000})
    sample = statistics.Sample.of("own", groups, seed=0)
    rows = {row[3]: row[4] for row in sample.rows("x", sample.percent([right])[:, 0], members=1)
            if row[1] == "a"}  # fmt: skip
    half = 196 * np.sqrt(0.75 * 0.25 / 2000)
    assert rows["x"] == pytest.approx(75)
    assert (rows["x low"], rows["x high"]) == pytest.approx((75 - half, 75 + half), abs=0.3)


def test_tables_of_photographs_are_shown_without_training(tmp_path):
    kept = real(store=Store(tmp_path))
    assert list(kept) == ["cifar10", "tiny-imagenet", "fashion-mnist"]
    assert sorted(kept["cifar10"].tables) == ["corruption", "curves", "imbalance", "sources"]
    assert [kept[name]["curves"].seed.nunique() for name in kept] == [1, 1, 5]
    curves = measures.curves(kept["tiny-imagenet"]["curves"]).set_index(
        ["protocol", "group", "members"]
    )
    assert curves.gain["unbiased", "top", 10] == pytest.approx(4.0, abs=0.05)
    shown = load(Settings(profile="standard"), store=Store(tmp_path))
    assert {result.origin for result in shown.all} == {"published"}
    found = estimates.estimates(shown, kept)
    assert list(found) == ["C3"]
    assert found["C3"]["bottom group, smallest"].note.endswith("Fashion-MNIST")
    assert claims.not_tested(estimates.NOT_TESTED, found)["C1"] == estimates.NO_INTERVAL


# Figures


PANELS = {
    "accuracy": 2, "relative_gain": 2, "imbalance": 2, "corruption": 2, "corruption_curves": 2,
    "strong_noise": 2, "learning": 5,
}  # fmt: skip


def test_figures_have_their_panels_and_sizes(tables):
    curves = measures.curves(tables["curves"])
    given = {
        "accuracy": curves,
        "relative_gain": curves,
        "bound": measures.disagreement(tables["curves"]),
        "churn_by_class": measures.classes(tables["curves"]),
        "sources": measures.sources(tables["sources"], tables["curves"]),
        "learning": tables["learning"],
        "imbalance": measures.imbalance(tables["imbalance"]),
        "corruption": measures.corruption(tables["corruption"]),
        "corruption_curves": measures.corruption_curves(tables["corruption"]),
        "strong_noise": measures.strong_noise(tables["corruption"]),
        "gain": measures.stacked({"CIFAR-10": curves}),
        "table_1": table_1.beside([tables]),
    }
    assert sorted(given) == sorted(figures.__all__)
    for name, table in given.items():
        fig = getattr(figures, name)(table)
        assert len(fig.axes) == PANELS.get(name, 1), name
        assert fig.get_figwidth() == plotting.WIDTH, name
        sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
        assert min(sizes) >= 10, name
        plt.close(fig)


# Claims and notebook


def test_every_claim_is_estimated_or_explained(tables):
    known = {claim.id: claim for claim in claims.load() if claim.paper == "fair_ensemble"}
    found = estimates.estimates(tables)
    assert {*found, *claims.not_tested(estimates.NOT_TESTED, found)} == {*known}
    for name, estimate in found.items():
        assert claims.decide(known[name].rules, estimate) in claims.VERDICTS


def test_a_table_1_row_is_tested_where_cifar100_was_trained(tables):
    other = replace(tables, settings=Settings(profile="paper"))
    scarce = tables.tables["imbalance"]
    mildest = scarce.table.assign(majority=500, minority=300)[scarce.table.minority == 15]
    others = {**tables.tables, "imbalance": replace(scarce, table=mildest)}
    claim = next(c for c in claims.load() if (c.paper, c.id) == ("fair_ensemble", "C4"))
    found = estimates.estimates(replace(other, tables=others))
    assert set(found["C4"]) == {part.statistic for part in claim.rules}
    assert "C4" not in claims.not_tested(estimates.NOT_TESTED, found)


def test_notebook_shows_every_figure_and_says_what_was_not_measured(repository):
    notebook = nbformat.read(repository / "notebooks" / "fair_ensemble.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'label="(fig-fair_ensemble-[a-z_0-9]+)"', text)
    assert len(labels) == len(set(labels)) == 17
    assert "has not been run for this edition" in text
    assert data.load("digits").n_classes == 10
