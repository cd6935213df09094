"""Public functions take lists, arrays and tensors, change none, and refuse odd numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ssl_lib.arguments import as_array, as_tensor, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation import fairness
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.accuracy import accuracy, balanced_accuracy, per_class_accuracy
from ssl_lib.evaluation.checks import check_features
from ssl_lib.evaluation.fairness.corruptions import CORRUPTIONS, corrupt
from ssl_lib.evaluation.features import evaluate, extract
from ssl_lib.evaluation.few_shot import few_shot_probe, sample_shots
from ssl_lib.evaluation.ideal import effective_dimension, invariance
from ssl_lib.evaluation.knn import knn_accuracy, knn_votes
from ssl_lib.evaluation.linear import logistic_probe, ridge_path, ridge_probe
from ssl_lib.evaluation.rank import (
    RankMeter,
    alpha_req,
    classical_rank,
    entropic_rank,
    rankme,
    ranks,
    select_by_rank,
    singular_values,
)
from ssl_lib.evaluation.spread import alignment, embedding_std, uniformity


def made_up():
    """Return features, labels, members' probabilities and images, all as tensors of doubles."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(48, 4, generator=generator, dtype=torch.float64)
    y = torch.arange(48) % 3
    logits = torch.randn(4, 48, 3, generator=generator, dtype=torch.float64)
    images = torch.rand(4, 1, 8, 8, generator=generator, dtype=torch.float64)
    return x, y, logits.softmax(2), images


def metered(x):
    meter = RankMeter(4)
    meter.update(x)
    return meter.compute()


# What is compared of each function, given features x, labels y, probabilities p and images i.
OF_FEATURES = {
    "accuracy": lambda x, y, p, i: accuracy(x[:, :3], y),
    "balanced_accuracy": lambda x, y, p, i: balanced_accuracy(y, y),
    "per_class_accuracy": lambda x, y, p, i: per_class_accuracy(x[:, :3], y),
    "knn_votes": lambda x, y, p, i: knn_votes(x, y, x, k=3),
    "knn_euclidean": lambda x, y, p, i: knn_accuracy(x, y, x, y, k=3, metric="euclidean"),
    "ridge_probe": lambda x, y, p, i: ridge_probe(x, y, x, y).accuracy,
    "ridge_path": lambda x, y, p, i: ridge_path(x, x, penalties=[0.1]).loo_error,
    "logistic_probe": lambda x, y, p, i: logistic_probe(x, y, x, y).accuracy,
    "few_shot_probe": lambda x, y, p, i: few_shot_probe(x, y, x, y, shots=[2], draws=2)["accuracy"],
    "sample_shots": lambda x, y, p, i: sample_shots(y, shots=2, generator=torch.Generator()),
    "evaluate": lambda x, y, p, i: list(evaluate(x, y, x, y, k=2, logistic=False).values()),
    "rankme": lambda x, y, p, i: rankme(x, centre=True),
    "ranks": lambda x, y, p, i: list(ranks(x).values()),
    "classical_rank": lambda x, y, p, i: classical_rank(x, centre=True),
    "singular_values": lambda x, y, p, i: singular_values(x, centre=True, chunk=10),
    "wide": lambda x, y, p, i: singular_values(x[:3], centre=True),
    "alpha_req": lambda x, y, p, i: alpha_req(x, first=1, last=4),
    "rank_meter": lambda x, y, p, i: metered(x),
    "embedding_std": lambda x, y, p, i: embedding_std(x),
    "alignment": lambda x, y, p, i: alignment(x, x[::-1] if isinstance(x, list) else x),
    "uniformity": lambda x, y, p, i: uniformity(x, chunk=7),
    "invariance": lambda x, y, p, i: invariance(x, y),
    "effective_dimension": lambda x, y, p, i: effective_dimension(x),
    "extract": lambda x, y, p, i: extract(nn.Flatten(), i),
    "fairness": lambda x, y, p, i: [
        row["accuracy"] for row in fairness.evaluate(p, y, k=1, bootstrap=2).rows()
    ],
    "softmax": lambda x, y, p, i: fairness.softmax(x),
    "votes": lambda x, y, p, i: fairness.votes(p),
    "vote_bound": lambda x, y, p, i: fairness.vote_bound(p, y).room,
    "class_accuracy": lambda x, y, p, i: fairness.class_accuracy(y, y, 3),
    "extreme_classes": lambda x, y, p, i: fairness.extreme_classes(x[0], k=1)[0],
    "predictions": lambda x, y, p, i: [
        fairness.ensemble_predictions(p, aggregate=aggregate) for aggregate in fairness.AGGREGATES
    ],
    "groups": lambda x, y, p, i: fairness.subgroups({"all": [1] * 48}).mean(y),
}  # fmt: skip
for _name, _strengths in CORRUPTIONS.items():
    OF_FEATURES[_name] = lambda x, y, p, i, name=_name, strength=_strengths[2]: corrupt(
        i, name, strength, generator=torch.Generator().manual_seed(0)
    )


def numbers(result):
    """Return what a function gave as one array."""
    return np.asarray(result if not isinstance(result, list) else np.stack(result), np.float64)


@pytest.mark.parametrize("name", OF_FEATURES)
@pytest.mark.filterwarnings("ignore:RankMe of")
def test_lists_arrays_and_tensors_give_the_same_numbers_and_stay(name):
    tensors = made_up()
    kinds = {
        "tensor": [t.clone() for t in tensors],
        "gradient": [t.clone().requires_grad_(t.is_floating_point()) for t in tensors],
        "array": [t.numpy().copy() for t in tensors],
    }
    expected = numbers(OF_FEATURES[name](*kinds["tensor"]))
    for arguments in kinds.values():
        before = [as_array(values, name="before").copy() for values in arguments]
        np.testing.assert_array_equal(numbers(OF_FEATURES[name](*arguments)), expected)
        for values, kept in zip(arguments, before, strict=True):
            np.testing.assert_array_equal(as_array(values, name="after"), kept)


def test_lists_are_read_in_double_precision():
    x, y, p, _ = made_up()
    assert rankme(x.tolist()) == rankme(x)
    assert knn_accuracy(x.tolist(), y.tolist(), x.tolist(), y.tolist(), k=3) == knn_accuracy(
        x, y, x, y, k=3
    )
    assert accuracy([0, 1, 1], [0, 1, 2]) == pytest.approx(2 / 3)
    assert fairness.churn(p.tolist()).tolist() == fairness.churn(p).tolist()
    assert extract(nn.Flatten(), [[[[0.5]]]]).item() == 0.5


@pytest.mark.parametrize("kind", [">f8", "<f2", "u1", ">u2", "u4", "i1", "longdouble", "?"])
def test_every_kind_of_number_is_read(kind):
    array = np.array([[1, 0], [0, 1], [1, 1]]).astype(kind)
    assert check_features(array).tolist() == [[1, 0], [0, 1], [1, 1]]
    assert check_features(array[::-1, ::-1]).tolist() == [[1, 1], [1, 0], [0, 1]]
    array.setflags(write=False)
    assert as_tensor(array, name="x").shape == (3, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "all rows of one length"),
        ("text", "must be numbers"),
        ([["a"]], "must be numbers, got <U1"),
        (None, "must be numbers, got NoneType"),
        ([[1j]], "must be numbers, got complex128"),
        ([1.0, 2.0], r"shape \(n, d\)"),
        ({"a": 1}, "must be numbers, got dict"),
    ],
)
def test_what_is_no_matrix_is_one_clear_error(values, message):
    with pytest.raises(InputError, match=message):
        rankme(values)


@pytest.mark.parametrize("value", [2.0, "2", None, True, np.float64(2), float("nan")])
def test_counts_are_whole_numbers(value):
    with pytest.raises(InputError, match="k must be a whole number"):
        check_whole("k", value)
    assert [check_whole("k", v) for v in (2, np.int32(2), torch.tensor(2))] == [2, 2, 2]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), "much", None])
def test_numbers_lie_in_their_range(value):
    with pytest.raises(InputError, match="share must be a number from 0 to 1"):
        check_between("share", value, most=1)
    assert check_between("share", np.float32(0.5), most=1) == 0.5


X, Y, P, IMAGES = made_up()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select_by_rank([1.0, 2.0], tolerance=-0.1), "tolerance must be a number from 0"),
        (lambda: select_by_rank([1.0, 2.0], tolerance=2), "tolerance must be a number from 0 to 1"),
        (lambda: classical_rank(X, eps=-1), "eps must be a number from 0"),
        (lambda: entropic_rank([1.0, -1.0]), "at least 0 and finite"),
        (lambda: entropic_rank([1.0, np.nan]), "at least 0 and finite"),
        (lambda: alpha_req(X, first=1.0), "first must be a whole number"),
        (lambda: singular_values(X, chunk=0), "chunk must be at least 1"),
        (lambda: RankMeter(4.0), "dim must be a whole number"),
        (lambda: RankMeter(4).merge(RankMeter(5)), "one width, got 4 and 5"),
        (lambda: uniformity(X, temperature=-2), "temperature must be a number above 0"),
        (lambda: uniformity(X, chunk=2.5), "chunk must be a whole number"),
        (lambda: alignment(X, X, power=0), "power must be a number above 0"),
        (lambda: knn_votes(X, Y, X, k=2.0), "k must be a whole number, got 2.0"),
        (lambda: knn_votes(X, Y, X, temperature=float("nan")), "temperature"),
        (lambda: knn_votes(X, Y, X, chunk=0), "chunk must be at least 1"),
        (lambda: knn_votes(X, Y - 1, X), "at least 0, got -1 in row 0: leave out"),
        (lambda: accuracy([0.2, 0.7], [0, 1]), "whole-number classes, got torch.float64"),
        (lambda: accuracy([0, 1], [-1, 1]), "at least 0, got -1 in row 0: leave out"),
        (lambda: extract(nn.Flatten(), IMAGES, batch_size=2.0), "batch_size must be a whole"),
        (lambda: sample_shots(Y, shots=1.5, generator=torch.Generator()), "shots must be a whole"),
        (lambda: few_shot_probe(X, Y, X, Y, draws=1.0), "draws must be a whole number"),
        (lambda: few_shot_probe(X, Y, X, Y, shots=2), r"such as \[1, 5\]; got 2"),
        (lambda: few_shot_probe(X, Y, X, Y, shots=[]), r"such as \[1, 5\]; got \[\]"),
        (lambda: few_shot_probe(X, Y, X, Y, shots=[1.5]), "shots must be a whole number, got 1.5"),
        (lambda: few_shot_probe(X, Y, X, Y, shots="ab"), "shots must be numbers, got str"),
        (lambda: few_shot_probe(X, Y, X, Y, probe=["ridge"]), "unknown probe"),
        (lambda: rankme(X, eps="a"), "eps must be a number from 0"),
        (lambda: select_by_rank("ab"), "values must be numbers, got str"),
        (lambda: select_by_rank(2.0), "values must be one rank a setting"),
        (lambda: fairness.evaluate(P, Y, draws=2.0, k=1), "draws must be a whole number"),
        (lambda: fairness.evaluate(P, Y, splits=-1, k=1), "splits must be at least 1"),
        (lambda: fairness.evaluate(P, Y, bootstrap=10.0, k=1), "bootstrap must be a whole number"),
        (lambda: fairness.evaluate(P, Y, k=1.0), "k must be a whole number"),
        (lambda: fairness.extreme_classes([0.1, np.nan]), "one finite number a class"),
        (lambda: fairness.Groups(("a", "a"), np.eye(2)), "a name of its own, got 'a'"),
        (lambda: fairness.Groups(("", "a"), np.eye(2)), "a name of its own, got ''"),
        (lambda: ix.factor_counts([[0.5, 1]], np.eye(2)), "correct must be true or false"),
        (lambda: ix.drop_rare_strengths(np.ones(3), fewest=0), "fewest must be at least 1"),
    ],
)  # fmt: skip
def test_senseless_numbers_are_one_clear_error(call, message):
    with pytest.raises(InputError, match=message):
        call()


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(48)), columns=st.permutations(range(4)))
def test_any_order_of_rows_and_columns_gives_the_same_measures(order, columns):
    x, y, turned, labels = X, Y, X[order][:, columns], Y[order]
    for metric in ("cosine", "euclidean"):
        votes = knn_votes(x, y, x, k=4, metric=metric)
        again = knn_votes(turned, labels, turned, k=4, metric=metric)
        torch.testing.assert_close(again, votes[order], rtol=1e-9, atol=1e-9)
    for measure in (rankme, uniformity, embedding_std, classical_rank):
        assert measure(turned) == pytest.approx(measure(x), rel=1e-9)
    assert ridge_probe(turned, labels, turned, labels).accuracy == ridge_probe(x, y, x, y).accuracy
    bound = fairness.vote_bound(P[:, order], labels)
    np.testing.assert_allclose(bound.gain, fairness.vote_bound(P, y).gain[order])
