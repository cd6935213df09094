"""The FAIR-Ensemble chapter: settings, training, tables, figures, claims, notebook."""

import dataclasses
import re

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
from ssl_lib.papers.fair_ensemble import (
    Settings,
    estimates,
    figures,
    learning,
    load,
    members,
    pictures,
    tables,
)
from ssl_lib.papers.fair_ensemble.published import table_1
from ssl_lib.papers.fair_ensemble.samples import over_samples, sample
from ssl_lib.papers.fair_ensemble.settings import VARIED, Run
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Store

DIGITS = {
    "data": "digits",
    "train_images": 200,
    "encoder_options": {"hidden": (16,), "out_dim": 16, "norm": "none", "activation": "relu"},
    "policy_options": {"variant": "shift"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def chapter(store):
    return load(Settings(profile="smoke"), store)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return one training set with the dossier's settings, all but the number of repetitions."""
    run = Run(**DIGITS, arms=("everything",))
    training, test = members.images(run)
    networks = members.train(
        run, training, members.members(run), tmp_path_factory.mktemp("members")
    )
    with torch.no_grad():
        logits = torch.stack([m.classifier(m.encoder(test.floats())) for m in networks])
    return fairness.softmax(logits.numpy()), test.labels.numpy()


# Settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"aggregate": "mean"}, "unknown aggregate 'mean'"),
        ({"members": 2}, "members must be 0 (the profile's number) or from 3 to 1,000,000, got 2"),
        ({"splits": -1}, "splits must be 0"),
        ({"splits": 1.5}, "splits must be an integer"),
        ({"members": True}, "members must be an integer"),
        ({"profile": "fast"}, "Unknown profile"),
    ],
)
def test_senseless_settings_are_refused_by_name(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Settings(**given)


def test_profiles_train_what_the_page_says():
    quick = Settings(profile="quick").runs
    assert {run.data for run in quick} == {"digits"}
    assert (len(quick), quick[0].members, quick[0].k, quick[0].epochs) == (6, 21, 3, 40)
    standard = Settings(profile="standard").runs
    assert [run.data for run in standard] == ["cifar10", "tiny-imagenet"]
    paper = Settings(profile="paper").runs
    assert [(r.data, r.encoder, r.epochs, r.members, r.k) for r in paper] == [
        ("cifar100", "resnet9", 24, 20, 10),
        ("tiny-imagenet", "resnet9", 100, 20, 10),
    ]
    assert Settings(members=7).runs[0].sizes == (1, 2, 3, 5, 7)
    assert len(Settings(splits=2).runs) == 2


def test_training_sets_and_minorities_differ_by_seed():
    runs = Settings().runs
    assert len({run.seed for run in runs}) == len(runs)
    assert runs != Settings(seed=1).runs
    minority = [run for run in Settings().imbalanced if run.per_class == (25, 15)]
    assert len({run.minority for run in minority}) > 1
    assert {run.minority for run in Settings().imbalanced if run.per_class == (25, 6)} == {
        (3, 8, 9)
    }


# Training


def test_arms_vary_what_they_say():
    run = Run(**DIGITS, members=4, arms=tuple(VARIED))
    everyone = members.members(run)
    for arm, varied in VARIED.items():
        own = [member for member in everyone if member.arm == arm]
        for source in ("initialisation", "order", "augmentation"):
            seeds = {getattr(member, source) for member in own}
            assert len(seeds) == (len(own) if source in varied else 1), (arm, source)
        assert dataclasses.replace(own[0], arm="") == dataclasses.replace(everyone[0], arm="")


def test_training_images_are_drawn_as_asked():
    run = Run(**{**DIGITS, "train_images": 0}, per_class=(25, 6), minority=(3, 8, 9))
    training, test = members.images(run)
    assert training.counts().tolist() == [25, 25, 25, 6, 25, 25, 25, 25, 6, 6]
    assert len(training) + len(test) == 1797
    with pytest.raises(InputError, match="class 0 of digits has 178 images, not 200"):
        members.images(Run(**{**DIGITS, "train_images": 0}, per_class=(200, 6), minority=(3,)))
    first, second = (members.images(Run(**DIGITS, seed=seed))[0] for seed in (0, 1))
    assert len(first) == len(second) == 200
    assert first.fingerprint != second.fingerprint


def test_nothing_varied_is_exactly_no_difference(chapter):
    for run, result in chapter.main:
        control = sample(run, result, arm="nothing").table
        assert not control.spread.any()
        assert not control.churn.any()
        assert (control.right_1 == control.right_3).all()
        for arm in ("initialisation", "order", "augmentation"):
            assert sample(run, result, arm=arm).table.spread.max() > 0


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


def test_stored_table_equals_the_functions(chapter, tmp_path):
    run, result = chapter.main[0]
    training, test = members.images(run)
    own = [member for member in members.members(run) if member.arm == "everything"]
    networks = members.train(run, training, own, tmp_path)
    with torch.no_grad():
        logits = torch.stack([m.classifier(m.encoder(test.floats())) for m in networks]).numpy()
    probabilities, labels = fairness.softmax(logits), test.labels.numpy()
    table = sample(run, result).table
    np.testing.assert_array_equal(table.label, labels)
    right = (probabilities.argmax(axis=2) == labels).mean(axis=0)
    assert np.abs(table.right_1 - right).mean() < 0.01
    ensemble = fairness.ensemble_predictions(probabilities) == labels
    assert (table["prob"] == ensemble).mean() > 0.99
    assert (table["right_5"] == table["prob"]).all()
    assert (table["base_5"] == table["prob"]).all()


@pytest.mark.usefixtures("one_thread")
def test_convolutions_train_one_by_one_and_fix_what_they_should(tmp_path):
    run = Run(
        **{**DIGITS, "encoder_options": {"widths": (8, 8), "out_dim": 16}}, encoder="convnet",
        epochs=1, warmup_epochs=0.0, precision="bfloat16", members=3, sizes=(1, 3), draws=5,
        arms=("everything", "order", "nothing"),
    )  # fmt: skip
    table = members.measure(run, tmp_path)
    spread = table.groupby("arm").spread.max()
    assert spread["nothing"] == 0 < min(spread["everything"], spread["order"])
    images, _ = members.images(run)
    first = members.members(run)[:1]
    again = members.train(run, images, first, tmp_path / "again")[0].state_dict()
    kept = members.train(run, images, first, tmp_path / "logits-0")[0].state_dict()
    assert all(torch.equal(again[name], value) for name, value in kept.items())


@pytest.mark.parametrize("name", pictures.SUMMARIES)
@pytest.mark.usefixtures("chapter")
def test_summaries_are_tidy_and_survive_being_published(name, store, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_LIB_CACHE", str(store.root))
    key = pictures.Summary(name=name, settings=Settings(profile="smoke"))
    summary = store.table(f"summary-{name}", pictures.compute, key)
    assert len(summary.table)
    assert summary.table.columns.is_unique
    shelf = Store(store.root, committed=tmp_path)
    shelf.publish(summary)
    pd.testing.assert_frame_equal(shelf.committed(f"summary-{name}").table, summary.table)


def test_pictures_are_read_where_they_are_committed_and_missed_quietly(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "share", lambda _: tmp_path)
    assert pictures.measured(Settings(profile="quick")) == {}
    store = pictures.committed_store()
    made = Store(tmp_path / "cache").table(
        "fair_ensemble-pictures-costs", lambda config: pd.DataFrame({"seconds": [1.5]}), {}
    )
    store.publish(made)
    found = pictures.measured(Settings(profile="quick"))
    assert list(found) == ["costs"]
    assert found["costs"].origin == "committed"


def test_learning_curves_end_where_members_do_and_coincide_where_nothing_varies(chapter, store):
    settings = Settings(profile="smoke")
    table = learning.learning(settings, store).table
    run, result = chapter.main[0]
    whole = members.members(run)
    _, test = members.images(run)
    last = table[(table.epoch == run.epochs) & (table.arm == "nothing") & (table.repeat == 0)]
    counts = test.counts().numpy()
    control = sample(run, result, arm="nothing").table
    assert whole[-1].arm == "nothing"
    assert np.average(last.accuracy, weights=counts) == pytest.approx(
        control.right_1.mean(), abs=0.002
    )
    drawn = learning.curves(table, run.k)
    apart = learning.differences(drawn).set_index(["varied", "group"])
    assert (apart.loc["nothing"] == 0).all(axis=None)
    for arm in learning.ARMS[:-1]:
        assert apart.difference[arm, "bottom"] > 0
    assert figures.learning(drawn).axes


def test_stopped_run_continues_with_its_members(tmp_path, monkeypatch):
    run = Run(
        **{**DIGITS, "epochs": 1, "warmup_epochs": 0.0}, members=4, together=2, sizes=(1, 4),
        arms=("everything", "order"), corruptions=(("contrast", 0.5),),
    )  # fmt: skip
    whole = members.measure(run, tmp_path)
    assert len(list(tmp_path.glob("logits-*.pt"))) == 4
    assert whole.groupby(["arm", "corruption"]).size().tolist() == [1597] * 3
    monkeypatch.setattr(members, "train", lambda *_: pytest.fail("trained again"))
    assert members.measure(run, tmp_path).equals(whole)


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
    table = table_1().set_index(["data", "network", "group"])
    assert len(table) == 36
    relative = table.relative.round(2)
    assert relative["CIFAR-100", "VGG16", "bottom"] == 29.10
    assert relative["TinyImageNet", "ResNet9", "bottom"] == 55.26
    assert relative["CIFAR-100", "ResNet50", "all"] == 4.09
    bottom, top = (relative.xs(group, level="group") for group in ("bottom", "top"))
    assert (bottom.min(), bottom.max(), top.min(), top.max()) == (13.90, 55.26, 1.20, 4.66)


def test_curves_start_at_nothing_and_average_training_sets(chapter):
    table = tables.curves(chapter)
    one = table[table.members == 1]
    assert not one.gain.any()
    last = table[table.members == 5].set_index(["protocol", "group"])
    ends = [sample(run, result).curve("unbiased")[-1] for run, result in chapter.main]
    assert last.accuracy["unbiased"].tolist() == pytest.approx(100 * np.mean(ends, axis=0))
    assert (table.gain_low <= table.gain).all()
    shown = tables.side_by_side(table)
    assert shown.shape == (4, 7)
    assert shown["unbiased: bottom"].iloc[-1] == pytest.approx(last.accuracy["unbiased", "bottom"])


def test_bound_holds_in_every_table(chapter):
    for _, result in (*chapter.balanced, *chapter.imbalanced):
        clean = result.table[result.table.corruption == "clean"]
        assert (clean.vote_gain.abs() <= clean.room + 1e-12).all()
        assert (clean.room <= clean.churn + 1e-12).all()
    means = tables.disagreement(chapter).pivot(index="group", columns="measure", values="value")
    assert (means["gain of the vote"] <= means.room).all()
    assert (means.room <= means.churn).all()


def test_ensembles_beat_their_mean_member(chapter):
    """Check 9 of the dossier."""
    last = tables.curves(chapter).query(
        "protocol == 'unbiased' and group == 'all' and members == 5"
    )
    assert last.gain.item() > 0


def test_corrupted_copies_follow_the_clean_groups(chapter):
    run, result = chapter.main[0]
    clean = sample(run, result)
    noisy = sample(run, result, corruption="gaussian noise", strength=0.5)
    for name, groups in clean.groups.items():
        np.testing.assert_array_equal(noisy.groups[name].weights, groups.weights)
    assert noisy.curve("unbiased")[0, 0] < clean.curve("unbiased")[0, 0]
    table = tables.corruption(chapter)
    assert set(table.severity) == {0, 1, 5}
    assert set(tables.strong_noise(chapter).strength) == {0.0, 0.1, 0.5}
    with pytest.raises(InputError, match="no 'everything' members on fog 1"):
        sample(run, result, corruption="fog", strength=1.0)


def test_minority_is_what_the_run_says(chapter):
    run, result = chapter.imbalanced[-1]
    one = sample(run, result)
    labels = one.table.label
    weights = one.groups["minority"].weights
    assert set(labels[weights[1] > 0]) == {3, 8, 9}
    table = tables.imbalance(chapter)
    assert list(dict.fromkeys(table.images)) == ["25/15", "25/6"]


def test_intervals_over_one_and_over_several_training_sets(chapter):
    from scipy import stats

    samples = tables.main(chapter)
    value, low, high = over_samples(samples, lambda one: one.gain("unbiased"))
    each = np.stack([one.gain("unbiased") for one in samples])
    expected = stats.ttest_1samp(each, 0).confidence_interval(0.95)
    np.testing.assert_allclose(low, expected.low)
    np.testing.assert_allclose(high, expected.high)
    value, low, high = over_samples(samples[:1], lambda one: one.gain("unbiased"))
    np.testing.assert_allclose(value, each[0])
    assert (low <= value).all()
    assert (value <= high).all()
    assert low[0] < high[0]


# Figures


PANELS = {
    "curves": 2,
    "relative": 2,
    "imbalance": 2,
    "corruption": 2,
    "sizes": 2,
    "noise": 2,
}


def test_figures_have_their_panels_and_sizes(chapter):
    curves = tables.curves(chapter)
    drawn = {
        "curves": figures.curves(curves),
        "relative": figures.relative_gain(curves),
        "bound": figures.bound(tables.disagreement(chapter)),
        "classes": figures.churn_by_class(tables.classes(chapter)),
        "sources": figures.sources(tables.sources(chapter)),
        "imbalance": figures.imbalance(tables.imbalance(chapter)),
        "corruption": figures.corruption(tables.corruption(chapter)),
        "sizes": figures.corruption_curves(tables.corruption_curves(chapter)),
        "noise": figures.strong_noise(tables.strong_noise(chapter)),
        "pictures": figures.pictures(curves.assign(data="CIFAR-10")),
        "table 1": figures.table_1(tables.beside_table_1(chapter)),
    }
    for name, fig in drawn.items():
        assert len(fig.axes) == PANELS.get(name, 1), name
        assert fig.get_figwidth() == plotting.WIDTH, name
        sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
        assert min(sizes) >= 10, name
        plt.close(fig)


# Claims and notebook


def test_every_claim_is_estimated_or_explained(chapter):
    own = {claim.id: claim for claim in claims.load() if claim.paper == "fair_ensemble"}
    found, left_out = estimates.estimates(chapter), estimates.not_tested(chapter)
    assert {*found, *left_out} == {*own}
    for name, estimate in found.items():
        assert claims.decide(own[name].rules, estimate) in claims.VERDICTS


def test_a_table_1_row_is_tested_where_cifar100_was_trained(chapter):
    runs = [(dataclasses.replace(run, data="cifar100"), r) for run, r in chapter.balanced]
    other = dataclasses.replace(chapter, balanced=runs)
    claim = next(c for c in claims.load() if (c.paper, c.id) == ("fair_ensemble", "C4"))
    found = estimates.estimates(other)["C4"]
    assert set(found) == {part.statistic for part in claim.rules}
    assert "C4" not in estimates.not_tested(other)


def test_notebook_shows_every_figure_and_says_what_was_not_measured(repository):
    notebook = nbformat.read(repository / "notebooks" / "fair_ensemble.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    labels = re.findall(r'label="(fig-fair_ensemble-[a-z_0-9]+)"', text)
    assert len(labels) == len(set(labels)) == 17
    assert "has not been run for this edition" in text
    assert data.load("digits").n_classes == 10
