"""DIET and the supervised baseline."""

import math

import pytest
import torch
from torch.nn import functional as F

from ssl_lib.data import load
from ssl_lib.errors import InputError
from ssl_lib.methods import (
    DIET,
    Supervised,
    ViewBatch,
    diet_floor,
    diet_loss,
    sampled_diet_loss,
    supervised_loss,
)
from ssl_lib.models import MLP, seeded
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.optimisers import build_optimiser, clip_gradients
from ssl_lib.training.rows import _stochastic


def encoder():
    with seeded(0):
        return MLP(64, 8, hidden=(16,))


def views(n=6, count=1):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(n, 1, 8, 8, generator=generator) for _ in range(count))


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 0.8, 1.0])
def test_loss_at_zero_weights_is_log_n(smoothing):
    loss = diet_loss(
        torch.rand(4, 3), torch.zeros(1297, 3), torch.arange(4), label_smoothing=smoothing
    )
    assert loss.item() == pytest.approx(7.1678, abs=5e-5)


@pytest.mark.parametrize(
    ("n", "floor"),
    [(2, 0.6730), (4, 1.3322), (1297, 6.2305), (50_000, 9.1561), (100_000, 9.7107)],
)
def test_recorded_floors(n, floor):
    assert diet_floor(n) == pytest.approx(floor, abs=5e-5)
    assert diet_floor(n, label_smoothing=0.0) == 0
    assert diet_floor(n, label_smoothing=1.0) == pytest.approx(math.log(n))


@pytest.mark.parametrize("chunk", [None, 3])
def test_the_floor_is_reached_by_the_target_itself(chunk):
    n, smoothing = 7, 0.8
    target = torch.full((n, n), smoothing / n, dtype=torch.float64)
    target += (1 - smoothing) * torch.eye(n)
    loss = diet_loss(
        torch.eye(n, dtype=torch.float64), target.log().T, torch.arange(n), chunk=chunk
    )
    assert loss.item() == pytest.approx(diet_floor(n), abs=1e-10)


@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_chunks_change_neither_value_nor_gradient(small, chunk, smoothing):
    h, w, indices = small(5, 3), small(11, 3), torch.tensor([0, 10, 4, 4, 7])
    results = []
    for size in (None, chunk):
        tensors = h.clone().requires_grad_(), w.clone().requires_grad_()
        loss = diet_loss(*tensors, indices, label_smoothing=smoothing, chunk=size)
        results.append((loss, *torch.autograd.grad(loss, tensors)))
    for whole, chunked in zip(*results, strict=True):
        torch.testing.assert_close(chunked, whole, atol=1e-12, rtol=0)


def test_against_a_loop(small):
    h, w, indices = small(4, 3), small(6, 3), torch.tensor([5, 0, 2, 2])
    total = 0.0
    for i in range(4):
        logits = [float(row @ h[i]) for row in w]
        partition = math.log(sum(map(math.exp, logits)))
        for c in range(6):
            target = 0.8 / 6 + (0.2 if c == indices[i] else 0.0)
            total += target * (partition - logits[c]) / 4
    assert diet_loss(h, w, indices).item() == pytest.approx(total, abs=1e-12)


def test_permuting_data_and_rows_together_changes_nothing(small):
    h, w, indices = small(4, 3), small(6, 3), torch.tensor([5, 0, 2, 3])
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    moved = order.argsort()[indices]
    torch.testing.assert_close(diet_loss(h, w[order], moved), diet_loss(h, w, indices))


@pytest.mark.parametrize("chunk", [None, 2])
def test_gradients(small, chunk):
    h, w = small(3, 2).requires_grad_(), small(5, 2).requires_grad_()
    indices = torch.tensor([1, 4, 0])
    assert torch.autograd.gradcheck(lambda h, w: diet_loss(h, w, indices, chunk=chunk), (h, w))


def test_classes_for_indices_give_the_supervised_pipeline_bit_for_bit():
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    diet = DIET(encoder(), n_data=3)
    supervised = Supervised(encoder(), n_classes=3, label_smoothing=0.8, bias=False)
    losses = []
    for method in (diet, supervised):
        out = method(ViewBatch(views=views(), indices=labels, labels=labels))
        out.loss.backward()
        losses.append(out.loss)
    assert torch.equal(*losses)
    gradients = [[p.grad for p in m.parameters()] for m in (diet, supervised)]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_several_views_average_and_chunks_agree_in_the_module():
    indices = torch.tensor([3, 1, 4, 0, 5, 9])
    data = ViewBatch(views=views(count=2), indices=indices)
    whole, chunked = (DIET(encoder(), n_data=10, chunk=c) for c in (None, 4))
    out = whole(data)
    torch.testing.assert_close(chunked(data).loss, out.loss)
    alone = [whole(ViewBatch(views=(v,), indices=indices)).loss for v in data.views]
    torch.testing.assert_close(out.loss, (alone[0] + alone[1]) / 2)
    torch.testing.assert_close(out.logs["excess"], out.loss.detach() - diet_floor(10))


def test_normalised_features_ignore_their_length(small):
    method = DIET(encoder(), n_data=10, normalise=True)
    data = ViewBatch(views=views(), indices=torch.arange(6))
    h = small(6, 8).float()
    first = method.objective([h], data)[0]
    torch.testing.assert_close(method.objective([5 * h], data)[0], first)


def linear_diet(images, indices, dim, smoothing):
    """Return DIET with a linear encoder after L-BFGS on all views at once, in float64."""
    linear = torch.nn.Linear(images.shape[1], dim, bias=False)
    linear.out_dim = dim
    method = DIET(linear, n_data=int(indices.max()) + 1, label_smoothing=smoothing).double()
    generator = torch.Generator().manual_seed(0)
    for p in method.parameters():
        p.data = 0.1 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    batch = ViewBatch(views=(images,), indices=indices)
    optimiser = torch.optim.LBFGS(
        method.parameters(), max_iter=500, tolerance_grad=0, tolerance_change=0, history_size=30,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        optimiser.zero_grad()
        # The excess over log N is of the order of (1 - smoothing)²: bring it near 1.
        loss = (method(batch).loss - math.log(method.classifier.out_features)) * 1e4
        loss.backward()
        return loss

    optimiser.step(closure)
    return method, float(method(batch).loss.detach())


def test_a_linear_encoder_finds_the_reduced_rank_regression(small):
    """With little weight on the index, cross-entropy is its quadratic part, squared error.

    Its minimum over linear encoders of rank d is known: with M the images' mean views less their
    mean and C the second moment of all views, the encoder spans the top d right singular vectors of
    M C^(-1/2), times C^(-1/2), and the loss falls short of log N by the squares of their
    singular values, times (1 - smoothing)² / 2 N.
    """
    n, each, width, dim, epsilon = 8, 30, 5, 2, 1e-2
    scale = torch.tensor([3.0, 2.0, 1.0, 0.5, 0.3], dtype=torch.float64)
    images = (small(n, 1, width) * scale + 0.5 * small(n, each, width)).reshape(-1, width)
    indices = torch.arange(n).repeat_interleave(each)
    means = images.reshape(n, each, width).mean(1)
    eigenvalues, vectors = torch.linalg.eigh(images.T @ images / len(images))
    whitening = vectors @ torch.diag(eigenvalues**-0.5) @ vectors.T
    _, singular, right = torch.linalg.svd((means - means.mean(0)) @ whitening)
    method, loss = linear_diet(images, indices, dim, 1 - epsilon)
    shortfall = epsilon**2 / (2 * n) * singular[:dim].square().sum().item()
    assert math.log(n) - loss == pytest.approx(shortfall, rel=3 * epsilon)
    found = torch.linalg.qr(torch.linalg.solve(whitening, method.encoder.weight.detach().T)).Q
    cosines = torch.linalg.svdvals(right[:dim] @ found)
    assert cosines.min() > 1 - epsilon


def test_the_index_classifier_has_no_bias():
    assert DIET(encoder(), n_data=10).classifier.bias is None


def test_supervised_loss_is_pytorchs_cross_entropy(small):
    logits, labels = small(5, 4), torch.tensor([0, 3, 2, 1, 1])
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(supervised_loss(logits, labels, label_smoothing=0.1), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: supervised_loss(torch.zeros(2, 3), torch.tensor([0, 3])), r"outside \[0, 3\)"),
        (lambda: supervised_loss(torch.zeros(2, 3), torch.tensor([0])), "2 rows of logits for 1"),
        (lambda: DIET(encoder(), n_data=5, chunk=1.5), "chunk must be a whole number, got 1.5"),
        (lambda: DIET(encoder(), n_data=0), "n_data must be at least 1, got 0"),
        (lambda: diet_floor(5, label_smoothing=-1), r"must lie in \[0, 1\]"),
        (lambda: DIET(encoder(), n_data=5, label_smoothing=1.2), r"must lie in \[0, 1\]"),
        (
            lambda: diet_loss(torch.zeros(1, 2), torch.zeros(3, 2), torch.zeros(1).long(), chunk=0),
            "chunk must be at least 1, got 0",
        ),
        (lambda: DIET(encoder(), n_data=9)(ViewBatch(views=views())), "diet needs batch.indices"),
        (lambda: Supervised(encoder(), n_classes=2)(ViewBatch(views=views())), "batch.labels"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_streaming_in_float32_equals_the_plain_loss_to_rounding(small, chunk):
    h, w, indices = small(5, 3).float(), small(7, 3).float(), torch.tensor([0, 6, 3, 4, 1])
    results = []
    for size in (None, chunk):
        tensors = h.clone().requires_grad_(), w.clone().requires_grad_()
        loss = diet_loss(*tensors, indices, chunk=size)
        results.append((loss, *torch.autograd.grad(2 * loss, tensors)))
    for whole, streamed in zip(*results, strict=True):
        torch.testing.assert_close(streamed, whole, atol=2e-7, rtol=2e-6)


def test_streaming_holds_no_more_than_a_chunk_of_logits(small):
    """The autograd graph keeps features, W, indices and n log-partitions; no n x N."""
    kept = []
    h, w = small(4, 3).requires_grad_(), small(1000, 3).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        diet_loss(h, w, torch.arange(4), chunk=10)
    assert sum(kept) == 12 + 3000 + 4 + 4


def test_streamed_index_accuracy_is_the_plain_one():
    data = ViewBatch(views=views(), indices=torch.tensor([3, 1, 4, 0, 5, 9]))
    plain, streamed = (DIET(encoder(), n_data=10, chunk=c) for c in (None, 4))
    for method in (plain, streamed):
        method.classifier.weight.data[3] = method(data).features[0][0].detach() * 9
    assert plain(data).logs["index_accuracy"] > 0
    assert torch.equal(*(m(data).logs["index_accuracy"] for m in (plain, streamed)))


def test_many_classes_are_streamed_by_default():
    assert DIET(MLP(4, 2), n_data=65_536).chunk is None
    assert DIET(MLP(4, 2), n_data=65_537).chunk == 8192
    assert DIET(MLP(4, 2), n_data=65_537, chunk=None).chunk is None


def test_sampling_all_other_rows_is_the_loss_itself(small):
    h, w, indices = small(3, 2), small(6, 2), torch.tensor([5, 0, 2])
    found = sampled_diet_loss(h, w, indices, torch.tensor([1, 4, 3]))
    torch.testing.assert_close(found, diet_loss(h, w, indices))


def test_sampled_value_of_two_negatives_by_hand():
    """All logits 0, N = 8, n = 2, K = 2: log(2 + 6/2 * 2) = log 8, as for all rows."""
    loss = sampled_diet_loss(
        torch.ones(2, 1), torch.zeros(8, 1), torch.tensor([0, 1]), torch.tensor([2, 3])
    )
    assert loss.item() == pytest.approx(math.log(8))


def test_rows_that_are_not_drawn_are_left_alone():
    method = DIET(encoder(), n_data=50, sampled=5)
    optimiser = build_optimiser(method, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    before = method.classifier.weight.detach().clone()
    method(ViewBatch(views=views(), indices=torch.arange(6))).loss.backward()
    optimiser.step()
    moved = (method.classifier.weight != before).any(1)
    assert moved[:6].all()
    assert moved.sum() == 11


def test_negatives_differ_between_steps_and_never_hold_the_batch():
    method, indices = DIET(encoder(), n_data=200, sampled=20), torch.arange(6)
    drawn = [method._negatives(indices) for _ in range(3)]
    assert all(len(rows.unique()) == 20 and rows.min() > 5 for rows in drawn)
    assert not torch.equal(drawn[0], drawn[1])
    assert int(method.state_dict()["drawn"]) == 3


@pytest.mark.parametrize("chunk", [3, 100])
def test_adamw_by_rows_is_adamw(chunk):
    data = ViewBatch(views=views(), indices=torch.tensor([3, 1, 4, 0, 5, 9]))
    trained = []
    for size in (None, chunk):
        method = DIET(encoder(), n_data=10, chunk=size).double()
        optimiser = build_optimiser(method, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
        double = ViewBatch(views=tuple(v.double() for v in data.views), indices=data.indices)
        for _ in range(5):
            optimiser.zero_grad()
            method(double).loss.backward()
            optimiser.step()
        trained.append([p.detach() for p in method.parameters()])
    for plain, by_rows in zip(*trained, strict=True):
        torch.testing.assert_close(by_rows, plain, atol=1e-7, rtol=1e-7)


def test_half_rows_have_whole_moments_and_follow_the_float32_ones():
    data = ViewBatch(views=views(), indices=torch.tensor([3, 1, 4, 0, 5, 9]))
    trained = []
    for dtype in ("float32", "bfloat16"):
        method = DIET(encoder(), n_data=10, chunk=4, weight_dtype=dtype)
        optimiser = build_optimiser(method, TrainingConfig(learning_rate=1e-3, weight_decay=0.0))
        for _ in range(100):
            optimiser.zero_grad()
            method(data).loss.backward()
            optimiser.step()
        trained.append(method(data).loss.item())
        assert optimiser.state[method.classifier.weight]["exp_avg"].dtype == torch.float32
    assert method.classifier.weight.dtype == torch.bfloat16
    assert trained[1] == pytest.approx(trained[0], abs=5e-3)


def test_rounding_to_half_is_right_on_average():
    between = torch.full((100_000,), 1 + 2**-9)  # a quarter of the way from 1 to its neighbour
    rounded = _stochastic(between, torch.Generator().manual_seed(0)).float()
    assert set(rounded.unique().tolist()) == {1.0, 1 + 2**-7}
    assert rounded.double().mean().item() == pytest.approx(1 + 2**-9, abs=5e-5)


@pytest.mark.parametrize("optimiser", ["sgd", "lars"])
@pytest.mark.parametrize("options", [{"chunk": 4}, {"sampled": 3}, {"weight_dtype": "bfloat16"}])
def test_other_optimisers_are_refused_by_rows(optimiser, options):
    method = DIET(encoder(), n_data=10, **options)
    with pytest.raises(InputError, match=f"need optimiser='adamw', got '{optimiser}'"):
        build_optimiser(method, TrainingConfig(optimiser=optimiser))


def test_a_norm_over_rows_that_were_not_drawn_is_refused():
    method = DIET(encoder(), n_data=50, sampled=5)
    method(ViewBatch(views=views(), indices=torch.arange(6))).loss.backward()
    with pytest.raises(InputError, match="DIET's sampled rows have none"):
        clip_gradients(method, 1.0)


@pytest.mark.parametrize("options", [{"chunk": 4}, {"chunk": None}, {"sampled": 3}])
@pytest.mark.parametrize("wrong", [[0, 1, 2, 3, 4, -1], [0, 1, 2, 3, 4, 10]])
def test_an_index_that_is_no_row_is_refused_by_every_way_to_the_loss(options, wrong):
    """A negative one would count from the end of W, and train the row of another image."""
    method = DIET(encoder(), n_data=10, **options)
    with pytest.raises(InputError, match=r"lies outside \[0, 10\)"):
        method(ViewBatch(views=views(), indices=torch.tensor(wrong)))


@pytest.mark.parametrize("chunk", [None, 2])
def test_each_row_of_features_needs_an_index(chunk):
    with pytest.raises(InputError, match="3 rows of"):
        diet_loss(torch.ones(3, 2), torch.ones(5, 2), torch.tensor([1]), chunk=chunk)


def test_a_head_stands_between_encoder_and_rows():
    method = DIET(encoder(), n_data=10, head=(16, 4))
    assert method.classifier.weight.shape == (10, 4)
    assert method(ViewBatch(views=views(), indices=torch.arange(6))).features[0].shape == (6, 8)


def test_indices_are_positions_after_any_subset():
    digits = load("digits").subset(torch.arange(700, 1000)).subset(slice(100, 200))
    seen = [b.index for b in digits.batches(torch.Generator().manual_seed(0), 25)]
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(100))
