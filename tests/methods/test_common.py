"""What holds for every method."""

import copy
import math

import pytest
import torch
from torch import nn

from ssl_lib.data import load
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.methods import METHODS, ViewBatch, build_method, method_class, method_options
from ssl_lib.methods.base import Method
from ssl_lib.models import MLP, build_encoder

OPTIONS = {
    "cissl": {"teacher_hidden": (16,), "embedding_dim": 8},
    "byol": {"head": (16, 8), "predictor": (16,)},
    "swav": {"head": (16, 8), "n_prototypes": 12},
    "dino": {"head": (16, 8), "n_prototypes": 12},
    "dissl": {"n_latents": 32, "teacher_hidden": (16,), "rank": 8},
    "msn": {"head": (16, 8), "n_prototypes": 12},
    "pmsn": {"head": (16, 8), "n_prototypes": 12},
    "diet": {},
    "supervised": {},
}
TWO_VIEW = [name for name in METHODS if method_class(name).min_views == 2]


def build(name, *, seed=0, **options):
    encoder = build_encoder("mlp", in_channels=1, image_size=8, out_dim=16, seed=seed)
    options = OPTIONS.get(name, {"head": (16, 8)}) | options
    return build_method(name, encoder, n_data=64, n_classes=10, seed=seed, **options)


def data(step=0, n=32, views=2, device="cpu"):
    generator = torch.Generator().manual_seed(step)
    images = torch.rand(n, 1, 8, 8, generator=generator)
    noise = 0.1 * torch.randn(views, n, 1, 8, 8, generator=generator)
    return ViewBatch(
        views=tuple((images + noise).to(device)),
        indices=torch.arange(n, device=device),
        labels=torch.arange(n, device=device) % 10,
    )


def train(method, steps=3, *, start=0, total=10, lr=0.05):
    optimiser = torch.optim.SGD(method.parameter_groups(weight_decay=1e-4), lr=lr)
    outputs = []
    for step in range(start, start + steps):
        progress = step / total
        method.before_step(progress)
        out = method(data(step))
        optimiser.zero_grad()
        out.loss.backward()
        method.after_backward(progress)
        optimiser.step()
        method.after_step(progress)
        outputs.append(out)
    return outputs


@pytest.mark.parametrize("name", METHODS)
def test_a_step_trains_every_part_and_logs_finite_numbers(name):
    method = build(name)
    before = {k: v.detach().clone() for k, v in method.named_parameters()}
    (out,) = train(method, 1)
    assert out.loss.shape == ()
    assert bool(out.loss.isfinite())
    assert "feature_std" in out.logs
    for key, value in out.logs.items():
        assert value.shape == (), key
        assert bool(value.isfinite()), key
        assert not value.requires_grad, key
    for key, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert bool(parameter.grad.isfinite().all()), key
            # (A bias before BatchNorm has no gradient but rounding.)
            assert parameter.ndim == 1 or not torch.equal(before[key], parameter), key
        else:
            assert parameter.grad is None, key
    n_student = 1 if name in ("msn", "pmsn") else 2
    assert [h.shape for h in out.features] == [(32, 16)] * n_student


@pytest.fixture(scope="module")
def digits():
    train = load("digits")
    views = policy("digits", size=8, variant="blocks")
    first, second = views(train.images[:256], torch.Generator().manual_seed(0))
    return ViewBatch(views=(first, second), indices=torch.arange(256), labels=train.labels[:256])


@pytest.mark.parametrize(
    ("name", "options", "low", "high"),
    [
        # Nearly all pairs alike; hinges open; no correlation between views or coordinates.
        ("simclr", {"head": (128, 32)}, math.log(511) - 0.3, math.log(511)),
        ("vicreg", {"head": (128, 128)}, 21.0, 24.75),
        ("barlow_twins", {"head": (128, 128)}, 90.0, 130.0),
        # Sharp targets, predictions that know nothing: somewhat above log K.
        ("swav", {"head": (128, 32), "n_prototypes": 64}, math.log(64), 6.0),
        ("dino", {"head": (128, 32), "n_prototypes": 64}, math.log(64), 4.7),
        ("msn", {"head": (128, 32), "n_prototypes": 64}, math.log(64), 5.7),
        ("byol", {"head": (128, 32), "predictor": (128,)}, 3.5, 4.2),
        ("diet", {}, math.log(1297), math.log(1297) + 0.2),
        ("supervised", {}, math.log(10), math.log(10) + 0.2),
        (
            "dissl",
            {
                "n_latents": 128,
                "teacher_hidden": (128,),
                "rank": None,
                "teacher_temperature": 0.25,
                "student_temperature": 0.5,
            },
            -0.5 * math.log(128),
            -2.1,
        ),
    ],
)
def test_the_loss_starts_where_the_dossiers_saw_it(digits, name, options, low, high):
    encoder = build_encoder(
        "mlp", in_channels=1, image_size=8, hidden=(128,), out_dim=64, activation="relu"
    )
    method = build_method(name, encoder, n_data=1297, n_classes=10, **options)
    method.before_step(0.0)
    assert low < method(digits).loss.item() < high


@pytest.mark.parametrize("name", METHODS)
def test_training_lowers_the_loss(name):
    method = build(name)
    fixed = data(99)

    def loss():
        method.before_step(0.0)
        with torch.no_grad():
            return method(fixed).loss.item()

    before = loss()
    optimiser = torch.optim.Adam(method.parameter_groups(weight_decay=0.0), lr=3e-3)
    for _ in range(60):
        method.before_step(0.0)
        out = method(fixed)
        optimiser.zero_grad()
        out.loss.backward()
        optimiser.step()
    # No after_step: with targets that stand still, a lower loss is what the optimiser must find.
    assert loss() < before


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_same_bits(name):
    runs = [build(name), build(name)]
    losses = [[out.loss for out in train(method)] for method in runs]
    assert all(torch.equal(a, b) for a, b in zip(*losses, strict=True))
    states = [method.state_dict() for method in runs]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    other = build(name, seed=1)
    heads = [
        (p, dict(other.named_parameters())[key])
        for key, p in build(name).named_parameters()
        if p.ndim > 1
    ]
    assert all(not torch.equal(a, b) for a, b in heads)


@pytest.mark.parametrize("name", METHODS)
def test_building_and_training_leave_the_global_random_state(name):
    before = torch.random.get_rng_state()
    train(build(name), 1)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", METHODS)
def test_the_state_dict_resumes_a_run_to_the_same_bits(name):
    whole = build(name)
    expected = [out.loss for out in train(whole, 4)][2:]
    first = build(name)
    train(first, 2)
    resumed = build(name, seed=7)
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    losses = [out.loss for out in train(resumed, 2, start=2)]
    assert all(torch.equal(a, b) for a, b in zip(losses, expected, strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_no_two_entries_of_the_state_share_memory(name):
    """Formats that store bare tensors refuse shared ones."""
    state = build(name).state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    pointers = [value.data_ptr() for value in state.values() if value.numel()]
    assert len(set(pointers)) == len(pointers)


@pytest.mark.parametrize("name", METHODS)
def test_bf16_autocast_gives_a_finite_float32_loss_close_to_the_exact_one(name):
    method = build(name)
    method.before_step(0.0)
    exact = method(data()).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = method(data())
    assert out.loss.dtype == torch.float32
    assert out.loss.item() == pytest.approx(exact.item(), rel=0.05, abs=0.05)
    out.loss.backward()
    gradients = [p.grad for p in method.parameters() if p.requires_grad]
    assert all(bool(g.isfinite().all()) for g in gradients)


@pytest.mark.parametrize("name", METHODS)
def test_float64_stays_float64(name):
    method = build(name).double()
    batch = data()
    batch = ViewBatch(
        views=tuple(v.double() for v in batch.views), indices=batch.indices, labels=batch.labels
    )
    assert method(batch).loss.dtype == torch.float64


@pytest.mark.parametrize("name", METHODS)
def test_permuting_the_images_leaves_the_loss(name):
    method, batch = build(name), data()
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    moved = ViewBatch(
        views=tuple(v[order] for v in batch.views),
        indices=batch.indices[order],
        labels=batch.labels[order],
    )
    method.before_step(0.0)
    torch.testing.assert_close(method(moved).loss, method(batch).loss, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TWO_VIEW)
def test_more_views_are_taken_and_one_is_refused(name):
    method = build(name)
    method.before_step(0.0)
    assert bool(method(data(views=3)).loss.isfinite())
    with pytest.raises(InputError, match=f"{name} needs at least 2 views, got 1"):
        method(data(views=1))


@pytest.mark.parametrize("name", [n for n in TWO_VIEW if n not in ("msn", "pmsn")])
def test_swapping_the_views_leaves_the_loss(name):
    method, batch = build(name), data()
    method.before_step(0.0)
    swapped = ViewBatch(views=batch.views[::-1])
    torch.testing.assert_close(method(swapped).loss, method(batch).loss, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_without_batch_norm_concatenating_the_views_changes_nothing(name):
    options = {} if name in ("diet", "supervised") else {"head_norm": "none"}
    losses = []
    for concatenate in (False, True):
        encoder = build_encoder("mlp", in_channels=1, image_size=8, out_dim=16, norm="none")
        settings = OPTIONS.get(name, {"head": (16, 8)}) | options
        method = build_method(
            name, encoder, n_data=64, n_classes=10, concatenate_views=concatenate, **settings
        )
        method.before_step(0.0)
        losses.append(method(data()).loss)
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_parameter_groups_hold_each_trainable_parameter_once(name):
    method = build(name)
    groups = method.parameter_groups(weight_decay=0.1)
    names = [n for group in groups for n in group["param_names"]]
    trainable = [n for n, p in method.named_parameters() if p.requires_grad]
    assert sorted(names) == sorted(trainable)
    for group in groups:
        assert group["weight_decay"] == (0.1 if group["adapt"] else 0.0)
        assert all(p.ndim > 1 for p in group["params"]) or not group["adapt"]
    everything = method.parameter_groups(weight_decay=0.1, exclude_1d=False)
    assert [group["weight_decay"] for group in everything] == [0.1]


@pytest.mark.parametrize("name", METHODS)
def test_copies_side_by_side_under_vmap_equal_separate_runs(name):
    methods = [build(name, seed=s) for s in (0, 1)]
    for method in methods:
        method.before_step(0.0)
    batches = [data(5), data(6)]
    expected = [
        method(batch) for method, batch in zip(copy.deepcopy(methods), batches, strict=True)
    ]
    parameters, buffers = torch.func.stack_module_state(methods)
    template = methods[0]

    def loss(parameters, buffers, views, indices, labels):
        batch = ViewBatch(views=tuple(views), indices=indices, labels=labels)
        out = torch.func.functional_call(template, (parameters, buffers), (batch,))
        return out.loss, out.logs

    stacked = [torch.stack([getattr(b, field) for b in batches]) for field in ("indices", "labels")]
    views = torch.stack([torch.stack(b.views) for b in batches])
    losses, logs = torch.vmap(loss)(parameters, buffers, views, *stacked)
    torch.testing.assert_close(losses, torch.stack([out.loss for out in expected]))
    for key, value in logs.items():
        torch.testing.assert_close(value, torch.stack([out.logs[key] for out in expected]))


@pytest.mark.parametrize("name", METHODS)
def test_flags_tell_what_a_method_has(name):
    method = build(name)
    assert method.uses_ema == hasattr(method, "momentum")
    assert method.uses_prototypes == (
        hasattr(method, "prototypes") or (isinstance(getattr(method, "head", None), nn.Module)
        and hasattr(method.head, "last"))
    )  # fmt: skip
    assert method.uses_predictor == hasattr(method, "predictor")
    assert method.uses_queue is False
    assert method.name == name


def test_a_queue_is_told_of():
    assert build("swav", queue=64).uses_queue


def test_wrong_names_and_options_are_answered_with_the_closest():
    with pytest.raises(InputError, match="Did you mean 'simclr'"):
        build_method("simclar", MLP(4, 4))
    with pytest.raises(InputError, match=r"simclr has no option 'temprature'.*'temperature'"):
        build_method("simclr", MLP(4, 4), temprature=0.1)
    with pytest.raises(InputError, match="diet needs n_data"):
        build_method("diet", MLP(4, 4))
    with pytest.raises(InputError, match="supervised needs n_classes"):
        build_method("supervised", MLP(4, 4))
    with pytest.raises(InputError, match="integer attribute out_dim"):
        build_method("simclr", nn.Linear(4, 4))


def test_pmsn_takes_the_options_of_msn():
    assert {"exponent", "alignment", "temperature", "momentum_end"} <= set(method_options("pmsn"))
    assert "options" not in method_options("pmsn")


def test_a_method_of_ones_own_needs_only_an_objective():
    class Alignment(Method):
        name = "alignment"

        def objective(self, features, batch):
            return (features[0] - features[1]).square().mean(), {}

    with torch.random.fork_rng():
        method = Alignment(MLP(64, 4))
    method(data()).loss.backward()
    assert method.encoder.layers[0].weight.grad is not None
    with pytest.raises(NotImplementedError):
        Method(MLP(64, 4))(data())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"views": ()}, "views of the same images"),
        ({"views": (torch.zeros(2, 1), torch.zeros(3, 1))}, r"lengths \[2, 3\]"),
        ({"views": (torch.zeros(2, 1),), "n_global": 2}, r"n_global=2 must lie in \[1, 1\]"),
        ({"views": (torch.zeros(2, 1),), "keep": ()}, "keep has 0 entries for 1 views"),
    ],
)
def test_a_wrong_batch_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        ViewBatch(**arguments)
