"""Which images prototypes stand for: galleries, usage, their numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from ssl_lib.papers.cluster_prior import (
    GALLERIES,
    RUNS,
    encoders,
    figures,
    galleries,
    measures,
    tails,
    training,
)
from ssl_lib.papers.cluster_prior.batches import Poor, batches_cell
from ssl_lib.papers.cluster_prior.figures.galleries import mosaic

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


# Tables to numbers and pictures


def usage_table(shares: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Make rows of soft and hard usage: by model, a list of shares for each seed."""
    rows = [
        (seed, model, measure, place, 0, share)
        for model, seeds in shares.items()
        for seed, own in enumerate(seeds)
        for measure in ("soft", "hard")
        for place, share in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=["seed", "model", "measure", "prototype", "place", "value"])


def test_what_would_have_to_move_to_meet_the_prior():
    """Uniform over four is .25 each; the power law of exponent 1 over two is 2/3, 1/3."""
    table = usage_table({"tail-0": [[0.25] * 4, [0.5, 0.25, 0.25, 0.0]]})
    found = measures.off_the_prior(table, ["tail-0"])
    assert found["tail-0", "hard"].tolist() == pytest.approx([0, 0.25])
    table = usage_table({"tail-1": [[1.0, 0.0]]})
    assert measures.off_the_prior(table, ["tail-1"])["tail-1", "soft"][0] == pytest.approx(1 / 3)


def test_usage_stands_beside_its_prior_by_rank():
    table = usage_table({"tail-1": [[0.8, 0.2], [0.6, 0.4]], "tail-0": [[0.5, 0.5]] * 2})
    found = measures.usage(table, ["tail-1", "tail-0"])
    one = found[(found.model == "tail-1") & (found.measure == "soft")]
    assert one["rank"].tolist() == [1, 2]
    assert one["mean"].tolist() == pytest.approx([0.7, 0.3])
    assert one.prior.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert found[found.model == "tail-0"].prior.tolist() == pytest.approx([0.5] * 4)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two seeds of four models, after twelve steps."""
    return pd.concat(
        [
            galleries.galleries_cell(CONFIG, {"seed": seed, "model": name}).assign(
                seed=number, model=name
            )
            for number, seed in enumerate((3, 4))
            for name in ("classes-10", "classes-2", "tail-0", "tail-0.5")
        ],
        ignore_index=True,
    )


def test_the_pictures_of_a_model_are_those_of_the_first_seed(table):
    part = table[(table.model == "tail-0.5") & (table.seed == 0)]
    found = measures.gallery(table, "tail-0.5", 3)
    assert found.images.shape == found.classes.shape == (3, 8)
    images = part[(part.measure == "image") & (part.prototype == 2)].value
    assert found.images[2].tolist() == images.tolist()
    assert found.usage.tolist() == part[part.measure == "hard"].value[:3].tolist()
    assert measures.gallery(table, "tail-0.5", 99).images.shape[0] <= 8


def test_numbers_of_galleries_are_means_over_seeds(table):
    found = measures.gallery_means(table, ["tail-0", "classes-2"])
    own = table[(table.model == "tail-0") & (table.measure == "purity")].value
    assert found.purity["tail-0"] == pytest.approx(100 * own.mean())
    assert found.low["tail-0"] <= found.purity["tail-0"] <= found.high["tail-0"]
    assert found.title.tolist() == ["long tail, uniform prior", "two classes in a batch"]


def test_galleries_and_usage_are_drawn(table):
    names = ("classes-10", "classes-2", "tail-0", "tail-0.5")
    images = {name: tails.digits(GALLERIES[name].tail, 3).images for name in names}
    drawn = figures.galleries(table, images), figures.usage(measures.usage(table, names[2:]))
    for figure in drawn:
        figure.canvas.draw()
        plt.close(figure)
    frames = sum(len(ax.patches) for ax in drawn[0].axes)
    shown = [measures.gallery(table, name, 8).classes for name in names]
    alone = sum(int(len(row) - row.bincount().max()) for rows in shown for row in rows)
    assert frames == alone


def test_shares_near_nothing_do_not_hinder_a_logarithm():
    seeds = [[0.9999, 0.0001, 0.0], [0.99, 0.01, 0.0], [1.0, 0.0, 0.0]]
    figure = figures.usage(
        measures.usage(usage_table({"tail-0": seeds, "tail-1": seeds}), ["tail-0", "tail-1"])
    )
    figure.canvas.draw()
    plt.close(figure)


def test_a_mosaic_has_images_in_their_places_and_clear_gaps():
    images = torch.linspace(0, 1, 6).reshape(2, 3, 1, 1, 1).expand(2, 3, 1, 8, 8)
    made = mosaic(images)
    step = made.shape[0] // 2
    assert made[step, 2 * step, :3].tolist() == [1, 1, 1]
    assert made[0, step, 0] == pytest.approx(0.2)
    assert made[step - 1, :, 3].max() == 0
