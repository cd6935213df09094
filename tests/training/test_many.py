"""Members trained at once equal members trained alone."""

import pytest
import torch

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.methods import build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import Diverged, pretrain
from ssl_lib.training.many import pretrain_many, stack_methods, unstack_methods

VIEWS = policy("digits", size=8)
SMALL = {
    "supervised": {},
    "diet": {},
    "simclr": {"head": (16, 8)},
    "vicreg": {"head": (16, 8)},
    "barlow_twins": {"head": (16, 8)},
    "byol": {"head": (16, 8), "predictor": (16,)},
    "dino": {"head": (16, 8), "n_prototypes": 12},
    "dissl": {"teacher_hidden": (16,), "n_latents": 20},
    "msn": {"head": (16, 8), "n_prototypes": 12},
    "swav": {"head": (16, 8), "n_prototypes": 12},
    "pmsn": {"head": (16, 8), "n_prototypes": 12},
}


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").subset(slice(0, 128))


def member(name, seed, encoder="mlp", **extra):
    options = {"hidden": (24,), "out_dim": 12} if encoder == "mlp" else {"out_dim": 12}
    body = build_encoder(encoder, in_channels=1, image_size=8, seed=seed, **options)
    # Rounding grows along a run: float64 shows that the two ways compute the same thing.
    body.register_forward_pre_hook(lambda _, args: (args[0].double(), *args[1:]))
    method = build_method(name, body, n_data=128, n_classes=10, seed=seed, **SMALL[name], **extra)
    return method.double()


def assert_same(first, second):
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("name", SMALL)
def test_members_equal_runs_of_their_own(digits, name):
    config = TrainingConfig(epochs=2, batch_size=64, learning_rate=3e-3, warmup_epochs=1)
    together = [member(name, seed) for seed in range(3)]
    history = pretrain_many(
        together,
        digits,
        policy=VIEWS,
        config=config,
        order_seeds=[0, 1, 2],
        views_seeds=[5, 6, 5],
        progress=False,
    )
    for seed, views in enumerate((5, 6, 5)):
        alone = member(name, seed)
        own = TrainingConfig(
            epochs=2,
            batch_size=64,
            learning_rate=3e-3,
            warmup_epochs=1,
            order_seed=seed,
            views_seed=views,
        )
        run = pretrain(alone, digits, policy=VIEWS, config=own, progress=False)
        assert_same(together[seed], alone)
        assert history[-1]["losses"][seed] == pytest.approx(run.history[-1]["loss"], rel=1e-6)
        early = run.history[-1]["early_loss"]
        assert history[-1]["early_losses"][seed] == pytest.approx(early, rel=1e-6)


def _first_of(count, digits, name="simclr", **options):
    """Train so many members in float32, and return what became of the first."""
    bodies = [
        build_encoder("mlp", in_channels=1, image_size=8, hidden=(24,), out_dim=12, seed=seed)
        for seed in range(count)
    ]
    members = [
        build_method(name, body, seed=seed, **SMALL[name], **(options if seed == 0 else {}))
        for seed, body in enumerate(bodies)
    ]
    config = TrainingConfig(epochs=2, batch_size=64, learning_rate=3e-3)
    seeds = range(count)
    history = pretrain_many(
        members, digits, policy=VIEWS, config=config, order_seeds=seeds, views_seeds=seeds,
        progress=False,
    )  # fmt: skip
    for name in ("losses", "early_losses"):
        assert [len(entry[name]) for entry in history] == [count, count]
    return {"loss": torch.tensor(history[-1]["losses"][0]), **members[0].state_dict()}


@pytest.mark.parametrize("name", ["simclr", "byol"])
def test_a_member_has_the_same_bits_beside_0_1_2_and_19_others(digits, name):
    alone = _first_of(1, digits, name)
    for count in (2, 3, 20):
        found = _first_of(count, digits, name)
        assert [key for key in alone if not torch.equal(alone[key], found[key])] == []


def test_a_member_has_the_same_bits_where_others_differ_in_the_loss(digits):
    alone = _first_of(1, digits, temperature=0.1)
    found = _first_of(3, digits, temperature=0.1)
    assert [key for key in alone if not torch.equal(alone[key], found[key])] == []


@pytest.mark.parametrize(
    ("name", "sweep"),
    [
        ("simclr", [{"temperature": t} for t in (0.05, 1.0, 30.0)]),
        ("vicreg", [{"invariance": 1.0}, {"covariance": 30.0}, {}]),
        ("msn", [{"weight": 5.0}, {"temperature": 0.2}, {"sharpening": 0.5}]),
        ("pmsn", [{"exponent": 0.0}, {"exponent": 1.0}, {"prior": list(range(12, 0, -1))}]),
    ],
)
def test_members_may_differ_in_the_loss(digits, name, sweep):
    config = TrainingConfig(epochs=2, batch_size=64, learning_rate=3e-3)
    together = [member(name, 0, **options) for options in sweep]
    pretrain_many(together, digits, policy=VIEWS, config=config, progress=False)
    for options, trained in zip(sweep, together, strict=True):
        alone = member(name, 0, **options)
        pretrain(alone, digits, policy=VIEWS, config=config, progress=False)
        assert_same(trained, alone)
        assert [trained.__dict__.get(k) for k in trained.sweepable] == [
            alone.__dict__.get(k) for k in alone.sweepable
        ]


def test_members_follow_a_schedule_of_the_temperature(digits):
    config = TrainingConfig(epochs=2, batch_size=64, learning_rate=3e-3)
    options = [{"temperature": t, "temperature_schedule": (1.0, 1.5)} for t in (0.1, 0.4)]
    together = [member("simclr", 0, **given) for given in options]
    pretrain_many(together, digits, policy=VIEWS, config=config, progress=False)
    for given, trained in zip(options, together, strict=True):
        alone = member("simclr", 0, **given)
        pretrain(alone, digits, policy=VIEWS, config=config, progress=False)
        assert_same(trained, alone)


def test_batches_of_few_classes_are_refused(digits):
    with pytest.raises(InputError, match="draw ordinary batches"):
        pretrain_many(
            [member("simclr", 0)],
            data.class_poor(digits, 2),
            policy=VIEWS,
            config=TrainingConfig(epochs=1, batch_size=64),
        )


def test_members_that_differ_in_what_cannot_be_swept_are_refused(digits):
    members = [member("byol", 0, momentum=m) for m in (0.9, 0.99)]
    config = TrainingConfig(epochs=1, batch_size=64)
    with pytest.raises(InputError, match="agree in 'momentum': byol can sweep nothing"):
        pretrain_many(members, digits, policy=VIEWS, config=config, progress=False)


def test_convolutions_with_sgd_and_clipping(digits):
    config = TrainingConfig(
        epochs=1, batch_size=64, optimiser="sgd", learning_rate=0.5, clip_norm=0.1
    )
    together = [member("supervised", seed, "convnet") for seed in range(2)]
    pretrain_many(together, digits, policy=VIEWS, config=config, progress=False)
    for seed in range(2):
        alone = member("supervised", seed, "convnet")
        pretrain(alone, digits, policy=VIEWS, config=config, progress=False)
        assert_same(together[seed], alone)


@pytest.mark.parametrize("varied", [None, "initialisation", "order", "views"])
def test_each_source_of_randomness_alone(digits, varied):
    config = TrainingConfig(epochs=1, batch_size=64)
    members = [member("supervised", seed if varied == "initialisation" else 0) for seed in (0, 1)]
    pretrain_many(
        members,
        digits,
        policy=VIEWS,
        config=config,
        order_seeds=[0, 1 if varied == "order" else 0],
        views_seeds=[0, 1 if varied == "views" else 0],
        progress=False,
    )
    first, second = (list(m.parameters()) for m in members)
    equal = all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert equal == (varied is None)


def test_stacking_and_back_is_the_identity():
    members = [member("byol", seed) for seed in range(3)]
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in members]
    stacked = stack_methods(members)
    for m in members:
        for value in m.state_dict().values():
            value.zero_()
    unstack_methods(stacked, members)
    for state, m in zip(before, members, strict=True):
        assert all(torch.equal(state[k], v) for k, v in m.state_dict().items())


def test_a_diverging_member_is_named(digits):
    members = [member("supervised", seed) for seed in range(3)]
    with torch.no_grad():
        next(members[1].parameters())[0, 0] = float("nan")
    with pytest.raises(Diverged, match=r"member\(s\) 1 .* epoch 1"):
        pretrain_many(
            members,
            digits,
            policy=VIEWS,
            config=TrainingConfig(epochs=2, batch_size=64),
            progress=False,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order_seeds": [1]}, "order_seeds must hold 2"),
        ({"config": TrainingConfig(optimiser="lars", batch_size=64)}, "adamw or sgd"),
        ({"config": TrainingConfig(batch_size=256)}, "exceeds the 128"),
        ({"methods": []}, "at least one"),
        ({"methods": "mixed"}, "one architecture"),
    ],
)
def test_senseless_input_is_refused(digits, options, message):
    members = [member("supervised", seed) for seed in range(2)]
    if options.get("methods") == "mixed":
        options = {"methods": [members[0], member("supervised", 0, "convnet")]}
    given = {"methods": members, "config": TrainingConfig(epochs=1, batch_size=64)} | options
    methods = given.pop("methods")
    with pytest.raises(InputError, match=message):
        pretrain_many(methods, digits, policy=VIEWS, progress=False, **given)
