"""Which images prototypes stand for: galleries, usage, their numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib.papers.cluster_prior import GALLERIES, RUNS, encoders, galleries, tails, training
from ssl_lib.papers.cluster_prior.batches import Poor, batches_cell

SHORT = training.Recipe(steps=12)
CONFIG = galleries.Shown(poor=SHORT, tailed=SHORT)

#: Six images, four prototypes: two, three and one image prefer the first three; none the last.
P = torch.tensor([
    [0.70, 0.10, 0.10, 0.10],
    [0.05, 0.60, 0.20, 0.15],
    [0.10, 0.80, 0.05, 0.05],
    [0.90, 0.04, 0.03, 0.03],
    [0.20, 0.30, 0.40, 0.10],
    [0.15, 0.55, 0.10, 0.20],
])  # fmt: skip


def test_rows_are_used_prototypes_the_most_used_first_and_columns_the_most_probable():
    found = galleries.nearest(P, 3)
    assert found.usage.tolist() == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert found.images.tolist() == [[2, 1, 5], [3, 0, 4], [4, 1, 0]]
    expected = np.array([[0.8, 0.6, 0.55], [0.9, 0.7, 0.2], [0.4, 0.2, 0.1]])
    assert found.probabilities.numpy() == pytest.approx(expected)


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 3, 0, 2]])
def test_a_gallery_does_not_depend_on_the_order_of_the_prototypes(order):
    one, other = galleries.nearest(P, 3), galleries.nearest(P[:, order], 3)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_gallery_has_no_more_images_than_there_are():
    assert galleries.nearest(P, 99).images.shape == (3, 6)


def test_images_of_a_row_are_alike_where_they_vary_less_than_all():
    every = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])  # variance 2.5
    rows = torch.tensor([[1.0, 2.0], [4.0, 5.0]])  # variances 0.5
    assert galleries.alike(rows, every) == pytest.approx(1 - 0.5 / 2.5)
    assert galleries.alike(torch.tensor([[1.0, 5.0]]), every) == pytest.approx(1 - 8 / 2.5)


def test_images_drawn_at_random_are_alike_by_nothing():
    draw = torch.Generator().manual_seed(0)
    every = torch.randn(500, generator=draw)
    rows = every[torch.randint(500, (4000, 8), generator=draw)]
    assert galleries.alike(rows, every) == pytest.approx(0, abs=0.02)


def numbers(table: pd.DataFrame) -> pd.Series:
    return table[table.place.eq(0) & table.prototype.eq(0)].set_index("measure").value


@pytest.mark.parametrize("name", ["classes-2", "tail-0.5"])
def test_pictures_and_numbers_of_a_cell_are_those_of_its_probabilities(name):
    table = galleries.galleries_cell(CONFIG, {"seed": 3, "model": name})
    made = tails.digits(GALLERIES[name].tail, 3)
    method, _ = galleries._trained(GALLERIES[name], made, CONFIG, 3)
    p = training.shares(method, made.images)
    image = table[table.measure == "image"].pivot(
        index="prototype", columns="place", values="value"
    )
    used = p.argmax(1).bincount().sort(descending=True).values
    assert image.shape == (min(8, int((used > 0).sum())), 8)
    assert sorted(image.loc[0].astype(int)) in [
        sorted(p[:, k].topk(8).indices.tolist())
        for k in (p.argmax(1).bincount() == used[0]).nonzero().flatten().tolist()
    ]
    label = table[table.measure == "class"].value.astype(int).tolist()
    assert label == made.labels[image.to_numpy().astype(int).flatten()].tolist()
    for measure in ("soft", "hard"):
        usage = table[table.measure == measure].value
        assert len(usage) == p.shape[1]
        assert usage.sum() == pytest.approx(1)
        assert (usage.diff().dropna() <= 0).all()
    found = numbers(table)
    assert 0 < found["chance"] < 1
    assert 1 <= found["classes"] <= 10
    assert 0 <= found["head"] <= 1


def test_models_are_those_of_the_tables_beside():
    """The same seed gives the same training as the cells of encoders and of batches."""
    mine = galleries.galleries_cell(CONFIG, {"seed": 3, "model": "tail-0"})
    theirs = encoders.encoders_cell(encoders.Digit(recipe=SHORT), {"seed": 3, "run": "tail-0"})
    theirs = theirs[theirs["at"] == 0].set_index("measure").value
    assert numbers(mine)["early loss"] == theirs["early loss"]
    assert numbers(mine)["hard"] == theirs["largest"]
    poor = batches_cell(
        Poor(recipe=SHORT, draws=1), {"seed": 3, "method": "msn", "classes": 2}
    ).set_index("measure")
    mine = galleries.galleries_cell(CONFIG, {"seed": 3, "model": "classes-2"})
    assert numbers(mine)["early loss"] == poor.value["early loss"]


def test_numbers_of_galleries_made_by_hand():
    """Classes alternate, ink rises from image to image; two thirds of each row are of one class."""
    labels, images = torch.arange(200) % 2, torch.arange(200.0).reshape(200, 1, 1, 1)
    made = tails.Digits(images, labels, images, labels, images, order=(0, 1))
    found = galleries._numbers(galleries.nearest(P, 3), made, 0)
    assert found["purity"] == pytest.approx(2 / 3)
    assert found["chance"] == pytest.approx(0.75, abs=0.02)  # of three from two even classes
    assert found["ink"] == pytest.approx(1)
    assert found["classes"] == 2
    assert found["head"] == pytest.approx(2 / 3)


def test_galleries_name_runs_and_batches_that_are_there():
    assert all(one.run in RUNS or one.classes in Poor().classes for one in GALLERIES.values())
    assert [one.tail for one in GALLERIES.values()] == [0, 0, 0, 0, 0, 0, 1.5, 1.5, 1.5, 1.5]
