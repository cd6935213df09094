"""What the dossiers' small settings reach on digits, with room for seeds."""

import pytest
import torch

from ssl_lib import data
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import few_shot_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import METHODS, build_method


@pytest.fixture(scope="module")
def benchmark(repository, load_script):
    """Return benchmarks/digits.py, whose settings these are."""
    return load_script(repository / "benchmarks/digits.py")


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def random_accuracy(benchmark, digits):
    return few(benchmark.make("simclr", digits, 0).encoder, digits)


def few(encoder, digits, shots=2, draws=10):
    test = data.load("digits", split="test")
    x, z = (extract(encoder, part.images) for part in (digits, test))
    table = few_shot_probe(x, digits.labels, z, test.labels, shots=[shots], draws=draws)
    return table["accuracy"].mean()


def test_simclr_with_few_labels_beats_random_features(benchmark, digits, random_accuracy):
    method = benchmark.make("simclr", digits, 0)
    benchmark.train(method, digits, seed=0, steps=200)
    assert few(method.encoder, digits) > random_accuracy + 0.05


def test_vicreg_lowers_its_loss(benchmark, digits):
    losses = benchmark.train(benchmark.make("vicreg", digits, 0), digits, seed=0, steps=200)
    assert losses[-1] < 0.9 * losses[0]


def test_byol_without_a_predictor_collapses(benchmark, digits):
    ranks = {}
    for predictor in (None, (128,)):
        encoder = benchmark.make("simclr", digits, 0).encoder
        method = build_method("byol", encoder, head=(128, 32), predictor=predictor)
        benchmark.train(method, digits, seed=0, steps=200)
        method.eval()
        ranks[predictor] = rankme(extract(lambda x, m=method: m.head(m.encoder(x)), digits.images))
    assert ranks[None] < 0.5 * ranks[(128,)]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_method_beats_random_features(benchmark, digits, random_accuracy, name):
    method = benchmark.make(name, digits, 0)
    benchmark.train(method, digits, seed=0, steps=400)
    assert few(method.encoder, digits) > random_accuracy + 0.03


@pytest.mark.slow
def test_diet_reaches_what_its_dossier_saw(benchmark, digits):
    pixels, random, diet = (
        benchmark.judge_diet(encoder)
        for encoder in (
            torch.nn.Flatten(),
            benchmark.diet_encoder(0),
            benchmark.train_diet(digits, seed=0).method.encoder,
        )
    )
    assert 0.945 < diet["few10"] < 0.98
    assert diet["few10"] > max(pixels["few10"] + 0.03, random["few10"] + 0.08)
    assert diet["linear"] > 0.98
