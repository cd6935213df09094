"""Probes and neighbours against scikit-learn and direct solutions."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from ssl_lib import data
from ssl_lib.errors import InputError
from ssl_lib.evaluation.accuracy import accuracy, balanced_accuracy, per_class_accuracy
from ssl_lib.evaluation.features import evaluate, evaluate_encoder, extract, subsample
from ssl_lib.evaluation.few_shot import few_shot_probe, sample_shots
from ssl_lib.evaluation.knn import knn_accuracy, knn_votes
from ssl_lib.evaluation.linear import logistic_fit, logistic_probe, ridge_path, ridge_probe
from ssl_lib.evaluation.spread import alignment, embedding_std, uniformity


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x) / 16, torch.tensor(y)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return x[:600], y[:600], x[600:1000], y[600:1000]


def test_ridge_equals_scikit_learn_at_every_penalty(digits):
    x, y, test, _ = digits
    one_hot = torch.nn.functional.one_hot(y, 10).double()
    penalties = [1e-4, 1e-2, 1.0]
    path = ridge_path(x, one_hot, penalties=penalties)
    for index, penalty in enumerate(penalties):
        peer = Ridge(alpha=penalty * len(x)).fit(x, one_hot)
        np.testing.assert_allclose(path.scores(test, index=index), peer.predict(test), atol=1e-8)


def test_leave_one_out_equals_leaving_each_out():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(25, 6, generator=generator, dtype=torch.float64)
    y = torch.randn(25, 3, generator=generator, dtype=torch.float64)
    penalty = 0.05
    path = ridge_path(x, y, penalties=[penalty])
    errors = []
    for i in range(25):
        keep = torch.arange(25) != i
        # The penalty per sample changes with n; the total stays.
        peer = Ridge(alpha=penalty * 25).fit(x[keep], y[keep])
        errors.append((torch.tensor(peer.predict(x[i : i + 1])) - y[i]).square().mean())
    assert float(path.loo_error[0]) == pytest.approx(float(torch.stack(errors).mean()), rel=0.02)


def test_leave_one_out_is_exact_without_refitting_the_mean():
    # With the mean refitted by hand through an explicit unpenalised column, the leverage
    # formula is exact: compare with solving the normal equations n times.
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    y = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    design = torch.cat([torch.ones(20, 1, dtype=torch.float64), x], 1)
    ridge = 20 * 0.1 * torch.diag(torch.tensor([0.0, 1, 1, 1, 1], dtype=torch.float64))
    errors = []
    for i in range(20):
        keep = torch.arange(20) != i
        a = design[keep]
        weights = torch.linalg.solve(a.T @ a + ridge, a.T @ y[keep])
        errors.append((y[i] - design[i] @ weights).square().mean())
    path = ridge_path(x, y, penalties=[0.1])
    assert float(path.loo_error[0]) == pytest.approx(float(torch.stack(errors).mean()), rel=1e-9)


def newton(theta, x, y, penalty):
    """Take one exact step; return where it leads, the gap it closes and the least curvature."""

    def objective(flat):
        rows = flat.view_as(theta)
        loss = torch.nn.functional.cross_entropy(x @ rows[:-1] + rows[-1], y)
        return loss + penalty / (2 * len(x)) * rows[:-1].square().sum()

    flat = theta.flatten()
    gradient = torch.func.grad(objective)(flat)
    curvature, vectors = torch.linalg.eigh(torch.func.hessian(objective)(flat))
    # The first direction is flat: a number added to the biases of all classes changes nothing.
    assert curvature[0].abs() < 1e-12 < curvature[1]
    along = vectors[:, 1:].T @ gradient
    step = vectors[:, 1:] @ (along / curvature[1:])
    gap = float((along.square() / curvature[1:]).sum()) / 2
    return (flat - step).view_as(theta), gap, float(curvature[1])


@pytest.mark.parametrize("penalty", [0.1, 1.0, 10.0])
def test_logistic_regression_equals_scikit_learn(digits, penalty):
    x, y, test, _ = digits
    weight, bias = logistic_fit(x, y, penalty=penalty, max_iter=2000, tolerance=1e-10)
    # scikit-learn's own L-BFGS stops at 1e-5: its Newton solver is the sharper oracle.
    peer = LogisticRegression(C=1 / penalty, tol=1e-12, max_iter=500, solver="newton-cg").fit(x, y)
    ours = torch.cat([weight, bias[None]])
    theirs = torch.tensor(np.vstack([peer.coef_.T, peer.intercept_]))
    (best, gap, least), (same, other, _) = (newton(t, x, y, penalty) for t in (ours, theirs))
    # A solver that compares values of the mean loss sees no difference below its rounding, and
    # where it stops within that differs between processors; the optimum itself does not.
    assert gap < 1e-11
    assert other < 1e-15
    found = [torch.softmax(test @ t[:-1] + t[-1], 1) for t in (ours, best, same)]
    np.testing.assert_allclose(found[1], found[2], rtol=0, atol=1e-9)
    # The loss grows by at least least / 2 times the squared distance; softmax has a slope of 1/2.
    length = float((test.square().sum(1) + 1).sqrt().max())
    far = length / 2 * (2 * gap / least) ** 0.5
    np.testing.assert_allclose(found[0], peer.predict_proba(test), rtol=0, atol=far + 1e-8)


def test_probes_reach_scikit_learns_accuracy_on_digits(digits):
    x, y, test, test_y = digits
    mean, std = x.mean(0), x.std(0, unbiased=False)
    scale = torch.where(std > 0, std, 1.0)
    peer = LogisticRegression(max_iter=2000).fit((x - mean) / scale, y)
    expected = peer.score((test - mean) / scale, test_y)
    assert logistic_probe(x, y, test, test_y).accuracy == pytest.approx(expected, abs=2.5e-3)
    assert ridge_probe(x, y, test, test_y).accuracy > 0.9


def test_logistic_probe_works_under_no_grad(digits):
    x, y, test, test_y = digits
    with torch.no_grad():
        inside = logistic_probe(x, y, test, test_y, max_iter=30).accuracy
    assert inside == logistic_probe(x, y, test, test_y, max_iter=30).accuracy


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 7])
def test_neighbours_vote_as_in_scikit_learn(digits, metric, k):
    x, y, test, _ = digits
    peer = KNeighborsClassifier(k, metric=metric).fit(x, y)
    votes = knn_votes(x, y, test, k=k, metric=metric, temperature=None, chunk=37)
    np.testing.assert_allclose(votes, peer.predict_proba(test), atol=1e-12)


def test_weighted_votes_against_a_loop(digits):
    x, y, test, _ = digits
    votes = knn_votes(x, y, test[:5], k=9, temperature=0.1)
    for row, query in zip(votes, test[:5], strict=True):
        cosine = torch.nn.functional.cosine_similarity(x, query[None], dim=1)
        nearest = cosine.argsort(descending=True)[:9]
        expected = torch.zeros(10, dtype=torch.float64)
        for i in nearest:
            expected[y[i]] += torch.exp(cosine[i] / 0.1)
        np.testing.assert_allclose(row, expected / expected.sum(), atol=1e-9)


def test_accuracies_equal_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(5, (200,), generator=generator)
    predictions = torch.where(torch.rand(200, generator=generator) < 0.6, labels, 0)
    assert balanced_accuracy(predictions, labels) == pytest.approx(
        balanced_accuracy_score(labels, predictions)
    )
    np.testing.assert_allclose(
        per_class_accuracy(predictions, labels), recall_score(labels, predictions, average=None)
    )
    assert accuracy(torch.eye(5)[predictions], labels) == accuracy(predictions, labels)


def test_shots_are_balanced_and_repeatable():
    labels = torch.tensor([0, 1, 2] * 30)
    draw = [
        sample_shots(labels, shots=4, generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1)
    ]
    assert torch.bincount(labels[draw[0]]).tolist() == [4, 4, 4]
    assert draw[0].unique().numel() == 12
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
    with pytest.raises(InputError, match="class 0 has 30 samples"):
        sample_shots(labels, shots=31, generator=torch.Generator())


@pytest.mark.parametrize("probe", ["logistic", "ridge"])
def test_more_shots_help(digits, probe):
    table = few_shot_probe(*digits, shots=(1, 20), draws=3, probe=probe)
    assert len(table) == 6
    mean = table.groupby("shots")["accuracy"].mean()
    assert mean[20] > mean[1] + 0.1
    again = few_shot_probe(*digits, shots=(1, 20), draws=3, probe=probe)
    assert table.equals(again)


def test_spread_values_at_collapse_and_on_the_sphere():
    assert embedding_std(torch.ones(8, 4)) == 0
    assert uniformity(torch.ones(8, 4)) == pytest.approx(0, abs=1e-12)
    z = torch.randn(4000, 32, generator=torch.Generator().manual_seed(0))
    assert embedding_std(z) == pytest.approx(32**-0.5, rel=0.02)
    assert alignment(z, 3 * z) == pytest.approx(0, abs=1e-12)
    assert alignment(z, -z) == pytest.approx(4, abs=1e-9)
    # A constant unit offset on the sphere: ||a - b||^2 = 2 - 2 cos.
    assert alignment(torch.eye(3), torch.eye(3).roll(1, 0)) == pytest.approx(2, abs=1e-12)


def test_uniformity_against_all_pairs():
    z = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    unit = z / z.norm(dim=1, keepdim=True)
    expected = torch.pdist(unit).square().mul(-2).exp().mean().log()
    assert uniformity(z, chunk=7) == pytest.approx(float(expected), rel=1e-12)


class Counting(nn.Module):
    """Batch norm shows the mode, the parameter the device."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 5))
        self.body[1].eval()

    def forward(self, images):
        assert not self.training
        return self.body(images)


def test_extraction_is_in_evaluation_mode_and_restores_each_module():
    images = torch.randint(256, (10, 3, 2, 2), generator=torch.Generator().manual_seed(0)).byte()
    model = Counting()
    before = model.body[1].running_mean.clone()
    features = extract(model, images, batch_size=4)
    assert features.shape == (10, 5)
    assert not features.requires_grad
    assert model.training
    assert not model.body[1].training
    assert torch.equal(model.body[1].running_mean, before)
    torch.testing.assert_close(features, extract(model, images.float() / 255, batch_size=10))


def test_extraction_restores_the_mode_when_the_encoder_fails():
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError):
        extract(model, torch.zeros(2, 1, 2, 2))
    assert model.training


def test_all_measures_at_once(digits):
    measures = evaluate(*digits, logistic=False)
    assert measures["knn"] == knn_accuracy(*digits)
    assert measures["ridge"] > 0.9
    assert 1 < measures["rankme"] < 64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: knn_votes(x, y, x, k=7), "k must be between 1 and the 6"),
        (lambda x, y: knn_votes(x, y, x, k=1, metric="cosin"), "Did you mean 'cosine'"),
        (lambda x, y: knn_votes(x, y, x, k=1, temperature=0), "temperature"),
        (lambda x, y: knn_votes(x, y, x[:, :1], k=1), "one width"),
        (lambda x, y: ridge_probe(x, y[:-1], x, y), r"shape \(6,\)"),
        (lambda x, y: ridge_probe(x, y, x, y, penalties=[0]), "above 0"),
        (lambda x, y: ridge_probe(x, y * 0, x, y), "two classes"),
        (lambda x, y: logistic_probe(x / 0, y, x, y), "NaN"),
        (lambda x, y: logistic_fit(x, y, penalty=-1), "penalty"),
        (lambda x, y: logistic_fit(x, y.float()), "integers"),
        (lambda x, y: logistic_fit(x, y - 1), "at least 0"),
        (lambda x, y: few_shot_probe(x, y, x, y, probe="svm"), "unknown probe"),
        (lambda x, y: extract(nn.Identity(), x), "images must have shape"),
        (lambda x, y: extract(nn.Identity(), x[:, :, None, None]), r"\(6, d\) features"),
        (lambda x, y: uniformity(x[:1]), "at least 2"),
        (lambda x, y: alignment(x, x[:2]), "as many rows"),
        (lambda x, y: per_class_accuracy(y, y, n_classes=1), "below n_classes"),
    ],
)
def test_senseless_input_is_refused(call, message):
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 0, 1, 2, 2])
    with pytest.raises(InputError, match=message):
        call(x, y)


@pytest.mark.filterwarnings("ignore:RankMe of 64 samples")
def test_an_encoder_of_torchvision_in_three_lines():
    from ssl_lib.vision import torchvision

    train, test = (data.load("shapes", split=part, n=64, size=32) for part in ("train", "test"))
    encoder = torchvision("models").resnet18(weights=None)
    encoder.fc = torch.nn.Identity()
    measures = evaluate_encoder(encoder, train, test, k=100, logistic=False)
    assert set(measures) == {"ridge", "knn", "rankme", "alpha_req", "std", "uniformity"}
    features = [extract(encoder, part.images) for part in (train, test)]
    direct = evaluate(features[0], train.labels, features[1], test.labels, k=64, logistic=False)
    assert measures == pytest.approx(direct)
    assert encoder.training


def test_subsample_mixes_what_is_sorted_and_repeats_for_a_seed():
    digits = data.load("digits")
    order = digits.labels.argsort()
    whole = digits.subset(order)
    some = subsample(whole, 50)
    assert len(some) == 50
    assert len(some.labels.unique()) > 5
    assert torch.equal(some.labels, subsample(whole, 50).labels)
    assert not torch.equal(some.labels, subsample(whole, 50, seed=1).labels)
    assert subsample(whole, 10**6).counts().tolist() == digits.counts().tolist()
    with pytest.raises(InputError, match="at least 1, got 0"):
        subsample(whole, 0)
