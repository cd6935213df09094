import json

import numpy as np
import pytest

from ssl_lib.errors import InputError
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import wheel


def predict(table, classes, name="model"):
    return ix.Predictions(name=name, image_ids=table.image_ids, classes=np.asarray(classes))


@pytest.fixture(scope="module")
def few(table):
    return table.subset(np.arange(0, len(table), 37))


@pytest.fixture(scope="module")
def guesses(few):
    rng = np.random.default_rng(0)
    return np.where(rng.random(len(few)) < 0.5, few.labels, rng.integers(0, 1000, len(few)))


def test_class_scoring(few, guesses):
    scored = ix.score(predict(few, guesses), few)
    assert (scored.correct[0] == (guesses == few.labels)).all()
    assert scored.valid is None


@pytest.mark.parametrize("empty", ["wrong", "exclude"])
def test_real_scoring_image_by_image(few, guesses, empty):
    lists = json.loads((wheel.find_annotations() / "imagenet_real_labels.jsonl").read_text())
    scored = ix.score(predict(few, guesses), few, scoring="real", empty=empty)
    for place, (image, guess) in enumerate(zip(few.image_ids, guesses, strict=True)):
        labels = lists[image - 1]
        assert scored.correct[0, place] == (guess in labels)
        assert scored.valid_mask()[0, place] == (empty == "wrong" or bool(labels))


def test_metaclass_scoring(few, guesses):
    scored = ix.score(predict(few, guesses), few, scoring="metaclass")
    groups = ix.class_metaclasses()
    assert (scored.correct[0] == (groups[guesses] == groups[few.labels])).all()


def test_other_is_one_metaclass(table):
    """A fish that is called an ungulate counts as correct, as in the paper."""
    fish = table.subset(np.flatnonzero(table.labels == 0)[:1])
    ungulate = ix.class_names().index("zebra")
    assert ix.score(predict(fish, [ungulate]), fish, scoring="metaclass").correct.all()


def test_empty_real_lists(table):
    excluded = ix.score(ix.human(table), table, scoring="real", empty="exclude")
    assert excluded.images.tolist() == [43_025]
    assert excluded.coverage.tolist() == [1.0]
    counts = excluded.counts()
    assert round(float(counts.accuracy[0]), 4) == 0.8951
    share = 1 - counts.factor_images[0] / table.factors.sum(axis=0)
    for factor, expected in (("texture", 17.0), ("style", 16.3), ("object_blocking", 1.3)):
        assert round(100 * share[ix.FACTORS.index(factor)], 1) == expected


def test_human(table):
    assert ix.score(ix.human(table), table).counts().accuracy.tolist() == [1.0]
    counts = ix.score(ix.human(table), table, scoring="real").counts()
    assert round(float(counts.accuracy[0]), 10) == 0.8352201258
    expected = "877 830 841 791 840 686 790 622 638 800 844 846 783 791 864 775"
    assert [round(1000 * a) for a in counts.factor_accuracy[0]] == list(map(int, expected.split()))


def test_missing_predictions_are_refused_or_said(table):
    half = table.subset(np.arange(len(table)) % 2 == 0)
    some = predict(half, half.labels, "half")
    with pytest.raises(
        InputError, match=r"half: no prediction for 23,055 of the 46,110 .* partial"
    ):
        ix.score(some, table)
    scored = ix.score([some, ix.human(table)], table, partial=True)
    assert scored.coverage.tolist() == [0.5, 1.0]
    assert scored.counts().images.tolist() == [23_055, 46_110]
    assert (scored.counts().factor_images[0] == half.factors.sum(axis=0)).all()
    assert scored.counts().accuracy.tolist() == [1.0, 1.0]


def test_a_model_without_any_prediction(table):
    empty = ix.Predictions(name="none", image_ids=np.array([], int), classes=np.array([], int))
    for scoring in ("class", "real", "metaclass"):
        counts = ix.score(empty, table, scoring=scoring, partial=True).counts()
        assert counts.images.tolist() == counts.correct.tolist() == [0]
        assert np.isnan(counts.accuracy).all()
        assert np.isnan(counts.error_ratio).all()
        assert np.isnan(counts.worst_factor).all()


def test_images_outside_the_table_do_not_matter(few, models):
    all_images = ix.score(models, few)
    inside = [
        ix.Predictions(name=m.name, image_ids=few.image_ids, classes=m.classes[few.image_ids - 1])
        for m in models
    ]
    assert (ix.score(inside, few).correct == all_images.correct).all()


def test_train_annotations():
    train = ix.load_annotations(split="train")
    assert ix.score(ix.human(train), train).counts().accuracy.tolist() == [1.0]
    with pytest.raises(InputError, match="validation images only"):
        ix.score(ix.human(train), train, scoring="real")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"scoring": "top5"}, "scoring must be one of"), ({"empty": "drop"}, "empty must be one of")],
)
def test_wrong_names(table, arguments, message):
    with pytest.raises(InputError, match=message):
        ix.score(ix.human(table), table, **arguments)


def test_models_need_distinct_names(table):
    with pytest.raises(InputError, match="two models are called 'human'"):
        ix.score([ix.human(table), ix.human(table)], table)
    with pytest.raises(InputError, match="at least"):
        ix.score([], table)


def test_select(table, models):
    scored = ix.score(models, table)
    second = scored.select(["second"])
    assert second.models == ("second",)
    assert (second.correct == scored.correct[1:]).all()
    with pytest.raises(InputError, match="Did you mean 'second'"):
        scored.select(["secund"])
