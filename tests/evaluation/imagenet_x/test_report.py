import csv
import io
import json

import numpy as np
import pytest

from ssl_lib.evaluation import imagenet_x as ix


@pytest.fixture(scope="module")
def report(models):
    return ix.evaluate(models, bootstrap=30, compare=True, seed=1)


def test_json_is_strict_and_complete(report):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    data = json.loads(report.to_json(), parse_constant=refuse)
    assert data["settings"]["images"] == 46_110
    assert [model["model"] for model in data["models"]] == ["first", "second"]
    pose = data["models"][0]["factors"]["pose"]
    assert pose["images"] == 15_064
    assert pose["error_ratio"] == report.counts.error_ratio[0, 0]
    assert pose["error_ratio_low"] == report.intervals.low[0, 0]
    assert len(data["comparisons"][0]["factors"]) == 16
    worst = ix.worst_class_accuracy(report.scored)
    assert [model["worst_100_classes"] for model in data["models"]] == worst.tolist()
    accuracy = report.counts.factor_accuracy[1]
    assert data["models"][1]["worst_factor"] == ix.FACTORS[int(accuracy.argmin())]


def test_undefined_numbers(table):
    report = ix.evaluate(ix.human(table), bootstrap=5)
    data = json.loads(report.to_json())
    assert data["models"][0]["factors"]["pose"]["error_ratio"] is None
    (row, *_) = csv.DictReader(io.StringIO(report.to_csv()))
    assert row["factor"] == "average"
    assert row["error_ratio"] == ""
    assert "nan" not in str(report)


def test_csv_and_frame(report):
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert len(rows) == 2 * 17
    frame = report.to_frame()
    assert list(frame.columns) == list(rows[0])
    texture = frame[(frame.model == "second") & (frame.factor == "texture")].iloc[0]
    assert texture["error_ratio"] == report.counts.error_ratio[1, ix.FACTORS.index("texture")]
    assert float(rows[0]["accuracy"]) == report.counts.accuracy[0]


def test_comparisons(report):
    rows = list(csv.DictReader(io.StringIO(report.comparisons_to_csv())))
    assert [row["factor"] for row in rows] == list(ix.FACTORS)
    assert float(rows[3]["holm"]) == report.comparisons[0].holm[3]
    assert ix.evaluate(ix.human(report.table)).comparisons_to_csv() == ""


@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("bootstrap", [0, 5])
def test_text_fits_a_terminal(models, number, bootstrap):
    many = [
        ix.Predictions(
            name=f"a-rather-long-name-of-a-model-{k}",
            image_ids=models[0].image_ids,
            classes=models[k % 2].classes,
        )
        for k in range(number)
    ]
    text = str(ix.evaluate(many, bootstrap=bootstrap, compare=number == 2))
    assert max(map(len, text.splitlines())) <= 120
    numbers = ix.evaluate(many).counts.error_ratio
    for row in range(number):
        assert f"{numbers[row, 0]:.3f}" in text


def test_partial_models_are_said(models, table):
    half = ix.Predictions(name="half", image_ids=table.image_ids[::2], classes=table.labels[::2])
    text = str(ix.evaluate([half, models[0]], partial=True, scoring="real", empty="exclude"))
    assert "half: predictions for 23,055 of them only (50.0%)" in text
    assert "first: predictions" not in text
    assert "empty lists excluded" in text
    assert "varies" in text


def test_factors_without_images(table):
    few = table.subset(np.arange(3))
    text = str(ix.evaluate(ix.human(few), partial=True))
    assert "multiple_objects         0     -      -" in text
