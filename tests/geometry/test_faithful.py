"""What is traced is what the model does, in both modes and in any batch, or it is refused."""

import copy
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.geometry import (
    Slice,
    box,
    constrain,
    decision_boundary,
    level_set,
    partition,
    slice_through,
)

SQUARE = box(-0.7, 1.1, -0.9, 0.8)
POINTS = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


class Net(nn.Module):
    """Three linear layers, and a forward given as a function."""

    def __init__(self, forward, *, norm=True):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.norm = nn.BatchNorm1d(8)
        self.leaky, self.drop = nn.LeakyReLU(0.1, inplace=True), nn.Dropout(0.5)
        self.function = forward

    def forward(self, x):
        return self.function(self, x)


def net(forward):
    return Net(forward).double().eval()


def alias(m, x):
    h = m.a(x)
    g = h.view(-1, 8)
    h += 1
    return m.c(F.relu(g))


def read_again(m, x):
    h = m.a(x)
    return m.c(F.relu(m.b(F.relu_(h)) + h))


def statement(m, x):
    h = m.b(F.relu(m.a(x)))
    h.clamp_(-0.5, 0.5)
    return m.c(h)


IN_PLACE = {
    "read again": read_again,
    "alias": alias,
    "statement": statement,
    "input": lambda m, x: m.c(F.relu(m.a(x.sub_(0.5)))) + x[:, :1],
    "out": lambda m, x: (lambda h: m.c(torch.add(h, 1, out=h).relu() + h))(m.a(x)),
}
MIXED = {
    "mean": lambda m, x: m.c(F.relu(m.a(x) - m.a(x).mean(0))),
    "mean kept": lambda m, x: m.c(F.relu(m.a(x)) - m.a(x).mean(0, keepdim=True)),
    "functional": lambda m, x: m.c(F.relu(F.batch_norm(m.a(x), None, None, training=True))),
    "first": lambda m, x: m.c(F.relu(m.a(x) - m.a(x)[:1])),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_was_changed_in_place_and_is_read_again_is_refused(name):
    model = net(IN_PLACE[name])
    with pytest.raises(InputError, match=r"in place|writes into"):
        constrain(model, SQUARE)
    with pytest.raises(InputError, match=r"in place|writes into"):
        partition(model, SQUARE)


def test_the_refusal_names_both_steps():
    with pytest.raises(InputError, match=r"'add' in .* reads an activation that 'relu_' in the"):
        constrain(net(read_again), SQUARE)


def test_a_change_that_does_not_show_at_the_points_is_refused_too():
    """All pre-activations are positive in the domain, but not everywhere."""
    model = net(read_again)
    model.a.bias.data += 100
    with pytest.raises(InputError, match="in place"):
        partition(model, SQUARE)


@pytest.mark.parametrize("name", MIXED)
def test_mixed_batches_are_refused(name):
    model = net(MIXED[name])
    with pytest.raises(InputError, match="batch"):
        constrain(model, SQUARE)
    with pytest.raises(InputError, match="batch"):
        partition(model, SQUARE)


def test_a_truncated_model_is_compared_with_itself():
    """Up to the first layer nothing is read again; up to the second it is."""
    model = net(read_again)
    regions = partition(model, SQUARE, layers=1)
    expected = F.relu(model.a(regions.centers))
    found = regions.values(range(len(regions)), regions.centers)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(InputError, match="in place"):
        partition(model, SQUARE, layers=2)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_truncated_at_a_clamp(layers):
    """A clamp is two kinks."""
    model = net(lambda m, x: m.c(F.relu(m.b(m.a(x).clamp(-0.5, 0.5)))))
    regions = partition(model, SQUARE, layers=layers)
    hidden = model.a(regions.centers)
    first = F.relu(hidden + 0.5)
    expected = [first, F.relu(first - 1), F.relu(model.b(hidden.clamp(-0.5, 0.5)))][layers - 1]
    found = regions.values(range(len(regions)), regions.centers)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


FAR = 1e3 + SQUARE[:1]
MODAL = {
    "dropout": lambda m, x: m.c(F.dropout(F.relu(m.a(x)), 0.3, training=m.training)),
    "branch": lambda m, x: m.c(F.relu(m.a(x)) + (1.0 if m.training else 0.0)),
    "kink": lambda m, x: m.c(F.relu(m.a(x)) if m.training else F.leaky_relu(m.a(x), 0.3)),
    "layers": lambda m, x: m.c(m.drop(m.leaky(m.norm(m.a(x))))),
    "rrelu": lambda m, x: m.c(nn.functional.relu(m.b(m.rrelu(m.a(x))))),
}


@pytest.mark.parametrize("name", MODAL)
@pytest.mark.parametrize("traced", [True, False])
def test_both_modes_are_those_of_the_model(name, traced):
    model = net(MODAL[name])
    model.rrelu = nn.RReLU()
    constrained = constrain(model.train(traced), FAR, full_dimensional=False)
    for training in (True, False, True):
        constrained.train(training)
        plain = copy.deepcopy(model)
        torch.manual_seed(5)
        expected = plain(POINTS)
        torch.manual_seed(5)
        torch.testing.assert_close(constrained(POINTS), expected, rtol=1e-12, atol=1e-12)
        for found, buffer in zip(model.buffers(), plain.buffers(), strict=True):
            torch.testing.assert_close(found, buffer)
    torch.testing.assert_close(
        constrained.merge()(POINTS), constrained.eval()(POINTS), rtol=1e-12, atol=1e-12
    )


def test_dropout_in_the_forward_stops_in_eval_mode():
    constrained = constrain(net(MODAL["dropout"]).train(), SQUARE)
    assert not torch.equal(constrained(POINTS), constrained(POINTS))
    constrained.eval()
    assert torch.equal(constrained(POINTS), constrained(POINTS))


def test_one_layer_in_another_mode_than_the_rest():
    """A forward's own mode counts, not that of the module that was constrained."""
    inner = net(MODAL["branch"])
    model = nn.Sequential(nn.Linear(2, 2).double(), inner)
    constrained = constrain(model, FAR, full_dimensional=False)
    constrained.train()
    inner.eval()
    torch.testing.assert_close(constrained(POINTS), model(POINTS))
    inner.train()
    torch.testing.assert_close(constrained(POINTS), model(POINTS))


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.c(F.dropout(F.relu(m.a(x)), 1e-3)), "drops units in eval mode too"),
        (lambda m, x: m.c(m.a(x)) if not m.training else (m.c(m.a(x)), x), "in training mode, the"),
        (lambda m, x: m.c(F.gelu(m.a(x)) if m.training else m.a(x)), "in training mode, 'gelu'"),
        (
            lambda m, x: m.c(F.relu(m.a(x) - (m.a(x).mean(0) if m.training else 0))),
            "in training mode, .*batch",
        ),
    ],
)
def test_one_error_for_what_one_mode_cannot_do(forward, message):
    with pytest.raises(InputError, match=message):
        constrain(net(forward), SQUARE)


def test_batch_norm_without_statistics_is_named():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.ReLU())
    for function in (partition, constrain):
        with pytest.raises(InputError, match="'1' is BatchNorm1d without running statistics"):
            function(model.eval(), SQUARE)


FIRST = {
    "module": lambda m, x: m.c(F.relu(m.a(m.leaky(x)))),
    "arithmetic": lambda m, x: m.c(F.relu(m.a(x.sub_(0.5).div_(0.25)))),
    "view": lambda m, x: m.c(F.relu(m.a(F.relu_(x.view(-1, 2))))),
}


@pytest.mark.parametrize("name", FIRST)
def test_an_in_place_first_step_moves_nothing_of_the_caller(name):
    model = net(FIRST[name])
    corners, inputs, state = SQUARE.clone(), POINTS.clone(), copy.deepcopy(model.state_dict())
    constrained = constrain(model, corners)
    order = constrained.vertices.clone()
    values = [constrained(inputs) for _ in range(3)]
    constrained.merge()
    constrained.shifts()
    constrained.train()(inputs)
    regions = partition(constrained.eval(), SQUARE)
    regions.input_maps([0])
    assert torch.equal(values[0], values[2])
    assert torch.equal(constrained.vertices, order)
    assert torch.equal(corners, SQUARE)
    assert {tuple(row) for row in order.tolist()} == {tuple(row) for row in SQUARE.tolist()}
    assert torch.equal(inputs, POINTS)
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])
    weights = torch.full((1, 4), 0.25, dtype=torch.float64)
    middle = constrained(weights @ SQUARE) - constrained(SQUARE).mean(0)
    # A first step with a kink of its own is shifted like all others.
    assert middle.abs().max() < 1e-12


def test_tracing_leaves_nothing_on_the_model():
    def forward(m, x):
        m.seen = F.relu(m.a(x))
        return m.c(m.seen * torch.tensor([0.5]))

    model = net(forward)
    before, modes = set(vars(model)), [m.training for m in model.modules()]
    state = torch.get_rng_state()
    constrained = constrain(model, SQUARE)
    partition(model, SQUARE)
    assert torch.equal(torch.get_rng_state(), state)
    assert set(vars(model)) == before
    assert [m.training for m in model.modules()] == modes
    torch.testing.assert_close(constrained.merge()(POINTS), constrained(POINTS))


@torch.inference_mode()
def test_in_inference_mode_too():
    """There torch does not count how often memory is written to."""
    model = net(MODAL["branch"])
    expected = constrain(net(MODAL["branch"]), SQUARE)(POINTS)
    torch.testing.assert_close(constrain(model, SQUARE)(POINTS), expected)
    assert len(partition(model, SQUARE)) == len(partition(net(MODAL["branch"]), SQUARE))
    with pytest.raises(InputError, match="in place"):
        constrain(net(read_again), SQUARE)


def test_a_bias_that_is_used_elsewhere_stays():
    """A merged shift goes into a bias; the forward adds that bias once more."""
    constrained = constrain(net(lambda m, x: m.c(F.relu(m.a(x)) + m.a.bias)), SQUARE)
    assert constrained.shifts()["relu"].abs().max() > 0.1
    torch.testing.assert_close(constrained.merge()(POINTS), constrained(POINTS), rtol=1e-12, atol=0)


def test_a_maximum_after_a_maximum_is_merged():
    def forward(m, x):
        h = torch.maximum(m.a(x), m.b(F.relu(m.a(x))))
        return m.c(torch.maximum(h, h.flip(1)))

    constrained = constrain(net(forward), SQUARE)
    torch.testing.assert_close(constrained.merge()(POINTS), constrained(POINTS), rtol=1e-12, atol=0)


def shuffle(m, x):
    h = m.a(x).view(-1, 2, 4)
    h = h.transpose(1, 2).contiguous().view(-1, 8)
    first, second = h.chunk(2, 1)
    return m.c(torch.cat([first, F.relu(second, inplace=False)], 1))


@pytest.mark.parametrize("layers", [None, 1])
def test_contiguous_before_view(layers):
    """As the channel shuffle of ShuffleNet."""
    model = net(shuffle)
    regions = partition(model, SQUARE, layers=layers)
    hidden = model.a(regions.centers).view(-1, 2, 4).transpose(1, 2).reshape(-1, 8)
    expected = model(regions.centers) if layers is None else F.relu(hidden[:, 4:])
    found = regions.values(range(len(regions)), regions.centers)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert len(regions) == 4


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("inputs", ["before", "after"])
def test_a_constrained_network_is_saved_and_copied_whole(mlp, inputs):
    constrained = constrain(mlp(2, 16, 16, 1, activation="leaky").double(), SQUARE)
    expected = constrained(POINTS)
    fresh = constrain(constrained.model, SQUARE) if inputs == "before" else constrained
    for twin in (saved(fresh), copy.deepcopy(fresh)):
        assert torch.equal(twin(POINTS), expected)
        torch.testing.assert_close(twin.merge()(POINTS), expected, rtol=1e-12, atol=1e-12)
        twin.model[0].weight.data.add_(1)
        assert not torch.equal(twin(POINTS), expected)
    assert torch.equal(constrained(POINTS), expected)


def test_a_merged_graph_is_saved_whole():
    constrained = constrain(net(lambda m, x: m.c(F.relu(m.a(x)) + m.a.bias)), SQUARE)
    merged = constrained.merge()
    assert torch.equal(saved(merged)(POINTS), merged(POINTS))


def test_a_state_of_other_polytopes_is_refused(mlp):
    """Three and five vertices have as many in all as four and four."""
    circle = torch.stack([torch.arange(8.0).cos(), torch.arange(8.0).sin()], 1)
    one = constrain(mlp(2, 8, 1), [circle[:3], circle[3:]])
    other = constrain(mlp(2, 8, 1, seed=1), [circle[:4], circle[4:]])
    with pytest.raises(InputError, match=r"constrained with .*\[3, 5\].*this one with .*\[4, 4\]"):
        other.load_state_dict(one.state_dict())
    near = constrain(mlp(2, 8, 1, seed=1), [circle[:3], circle[3:]], sign="smallest")
    with pytest.raises(InputError, match="smallest"):
        near.load_state_dict(one.state_dict())


def test_constraining_twice_and_bad_parameters_are_refused(mlp):
    model = mlp(2, 8, 1)
    with pytest.raises(InputError, match="constrained already"):
        constrain(constrain(model, SQUARE), SQUARE)
    with pytest.raises(InputError, match="no values yet"):
        constrain(nn.Sequential(nn.LazyLinear(3), nn.ReLU()), SQUARE)
    model[0].bias.data[0] = float("nan")
    with pytest.raises(InputError, match=r"'0.bias' has values that are NaN"):
        constrain(model, SQUARE)
    with pytest.raises(InputError, match="must be a torch module, got function"):
        partition(mlp, SQUARE)


def test_one_region_of_a_float32_network(mlp):
    """Merged in float64; biases rounded to float32 would let kinks cut the corners."""
    corners = SQUARE.float()
    constrained = constrain(mlp(2, 64, 64, 1, activation="leaky"), corners)
    assert len(partition(constrained, corners)) == 1
    assert len(partition(copy.deepcopy(constrained).double().merge(), corners)) == 1
    slivers = partition(constrained.merge(), corners).areas.sort(descending=True).values
    assert len(slivers) > 1
    assert slivers[1:].sum() < 1e-5 * slivers[0]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [2, 100])
def test_anchors_on_one_line_up_to_their_own_rounding_are_refused(kind, size):
    generator = torch.Generator().manual_seed(0)
    for share in (0.5, 1.7, -3.0):
        first, second = torch.randn(2, size, dtype=torch.float64, generator=generator).to(kind)
        third = (1 - share) * first + share * second
        assert third.dtype == kind
        with pytest.raises(InputError, match="one line"):
            slice_through(first, second, third)
        bent = third.double() + 0.1 * torch.randn(size, dtype=torch.float64, generator=generator)
        slice_through(first.double(), second.double(), bent)


def test_vertices_on_one_line_up_to_their_own_rounding_are_refused(mlp):
    first, second = torch.tensor([[0.1, 0.3], [0.7, 1.9]])
    line = torch.stack([first, second, 0.3 * first + 0.7 * second])
    with pytest.raises(InputError, match="span 1 of 2"):
        constrain(mlp(2, 4, 1).double(), line)
    with pytest.raises(InputError, match=r"no area|at least 3"):
        partition(mlp(2, 4, 1), line)


def test_a_regular_polygon_in_float32_with_points_on_its_sides_is_convex():
    angle = 2 * torch.pi * torch.arange(12) / 12
    corners = torch.stack([angle.cos(), angle.sin()], 1)
    halves = torch.stack([corners, 0.3 * corners + 0.7 * corners.roll(-1, 0)], 1).flatten(0, 1)
    assert len(Slice.plane(halves).domain) == 24


def test_arrays_and_lists_are_taken_and_keep_their_digits(mlp):
    model = mlp(2, 16, 3).double()
    corners = [[-0.1, -0.3], [0.7, -0.3], [0.7, 0.9]]
    exact = torch.tensor(corners, dtype=torch.float64)
    for given_as in (corners, np.array(corners), list(exact)):
        regions = partition(model, given_as)
        assert torch.equal(regions.slice.domain, exact)
        constrained = constrain(model, given_as)
        assert {tuple(v) for v in constrained.vertices.tolist()} == {tuple(c) for c in corners}
    values = regions.values([0, 1], corners[:2])
    assert torch.equal(values, regions.values(torch.tensor([0, 1]), exact[:2]))
    assert torch.equal(regions.codes(np.array([1]))[0], regions.codes()[0][1:2])
    assert torch.equal(regions.input_maps([1])[0], regions.input_maps(torch.tensor([1]))[0])
    plane = slice_through([1.0, 0.0, 0.1], np.array([0.0, 1.0, 0.1]), domain=np.array(corners))
    assert torch.equal(plane.domain, exact)
    assert plane.project(np.zeros((1, 3))).shape == (1, 2)
    by_hand = Slice(np.zeros(2), np.eye(2), corners, np.zeros((0, 2)))
    assert by_hand.embed([[0.1, 0.2]]).tolist() == [[0.1, 0.2]]


@pytest.mark.parametrize(
    "call",
    [
        lambda m, p: partition(m, SQUARE, layers=1.0),
        lambda m, p: partition(m, SQUARE, layers=True),
        lambda m, p: partition(m, SQUARE, memory=1e9),
        lambda m, p: partition(m, SQUARE, tolerance=-1e-12),
        lambda m, p: partition(m, SQUARE, tolerance="small"),
        lambda m, p: box(1, -1, 0, 1),
        lambda m, p: box(0, float("inf"), 0, 1),
        lambda m, p: slice_through(torch.ones(3), half_side=-1),
        lambda m, p: slice_through(torch.ones(3), half_side="wide"),
        lambda m, p: slice_through(["a", "b"]),
        lambda m, p: level_set(p, float("nan")),
        lambda m, p: level_set(p, output=0.5),
        lambda m, p: decision_boundary(p, (0.0, 1.0)),
        lambda m, p: decision_boundary(p, (0, -3)),
        lambda m, p: decision_boundary(p, 0),
        lambda m, p: p[0.5],
        lambda m, p: decision_boundary(p).sample(2.5),
        lambda m, p: decision_boundary(p).sample(-1),
        lambda m, p: p.values([0.5], [[0.0, 0.0]]),
        lambda m, p: p.codes([len(p)]),
        lambda m, p: Slice(np.zeros(2), np.eye(3), SQUARE, SQUARE),
    ],
)
def test_numbers_that_make_no_sense_are_refused(mlp, call):
    model = mlp(2, 8, 3)
    with pytest.raises(InputError):
        call(model, partition(model, SQUARE))


# A random forward: each step reads one or two of the values so far and makes another.
STEPS = {
    "linear": lambda m, h, g: m.b(h),
    "relu": lambda m, h, g: F.relu(h),
    "relu_": lambda m, h, g: F.relu_(h),
    "leaky": lambda m, h, g: m.leaky(h),
    "norm": lambda m, h, g: m.norm(h),
    "sum": lambda m, h, g: h + g,
    "sum_": lambda m, h, g: h.add_(g),
    "increase": lambda m, h, g: h.add_(0.3),
    "scaled": lambda m, h, g: h.mul_(0.5),
    "alias": lambda m, h, g: h.view(-1, 8),
    "turned": lambda m, h, g: h.view(-1, 2, 4).transpose(1, 2).contiguous().view(-1, 8),
    "half": lambda m, h, g: torch.cat(h.chunk(2, 1)[::-1], 1),
    "clamp_": lambda m, h, g: h.clamp_(-1, 1),
    "dropped": lambda m, h, g: F.dropout(h, 0.5, training=m.training),
    "layer": lambda m, h, g: m.drop(h),
    "branch": lambda m, h, g: h + g if m.training else h - g,
    "maximum": lambda m, h, g: torch.maximum(h, g),
    "centred": lambda m, h, g: h - h.mean(0),
    "tail": lambda m, h, g: m.tail(h),
}


def random_forward(steps):
    def forward(m, x):
        values = [m.a(x)]
        for name, first, second in steps:
            made = STEPS[name](
                m, values[-1 - first % len(values)], values[-1 - second % len(values)]
            )
            values.append(made)
        return m.c(values[-1]) + m.c(values[len(values) // 2])

    return forward


def tailed(steps):
    model = net(random_forward(steps))
    model.tail = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True)).double().eval()
    return model


forwards = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 2), st.integers(0, 2)),
    max_size=5,
)


def close(found, expected):
    return (found - expected).abs().max() <= 1e-10 * expected.abs().max()


@pytest.mark.parametrize("first", sorted(STEPS))
@settings(max_examples=4, deadline=None, derandomize=True)
@given(rest=forwards)
def test_a_random_module_is_constrained_as_it_is_or_refused(first, rest):
    model = tailed([(first, 0, 0), *rest])
    state, corners = copy.deepcopy(model.state_dict()), SQUARE.clone()
    try:
        free = constrain(model, SQUARE[:1], full_dimensional=False)
        constrained = constrain(copy.deepcopy(model), corners)
    except InputError:
        return
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])
    assert torch.equal(corners, SQUARE)
    weights = torch.rand(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights /= weights.sum(1, keepdim=True)
    inside = constrained.eval()(weights @ constrained.vertices)
    at_corners = constrained(constrained.vertices)
    scale = max(at_corners.abs().max(), constrained(POINTS).abs().max())
    assert (inside - weights @ at_corners).abs().max() <= 1e-10 * scale
    assert close(constrained.merge()(POINTS.clone()), constrained(POINTS))
    for training in (False, True):
        plain = copy.deepcopy(model).train(training)
        torch.manual_seed(1)
        expected = plain(POINTS.clone())
        torch.manual_seed(1)
        assert close(free.train(training)(POINTS), expected)


@pytest.mark.parametrize("first", sorted(STEPS))
@settings(max_examples=8, deadline=None, derandomize=True)
@given(rest=forwards)
def test_a_random_module_is_cut_as_it_is_or_refused(first, rest):
    model = tailed([(first, 0, 0), *rest])
    try:
        regions = partition(model, SQUARE)
    except InputError:
        return
    points = 0.7 * regions.polygons.vertices + 0.3 * regions.centers[regions.polygons.owner]
    assert close(regions.values(regions.polygons.owner, points), model(points.clone()))
