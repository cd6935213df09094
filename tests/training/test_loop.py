"""The loop against steps written out by hand, and what it promises of resuming and stopping."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors import safe_open
from torch.nn import functional

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError, MissingData
from ssl_lib.methods import METHODS, Method, ViewBatch, build_method
from ssl_lib.models import build_encoder
from ssl_lib.randomness import torch_generator
from ssl_lib.training.checkpoints import FILE, load_checkpoint, restore
from ssl_lib.training.config import RunSpec, TrainingConfig
from ssl_lib.training.loop import Diverged, pretrain
from ssl_lib.training.optimisers import LARS
from ssl_lib.training.schedules import learning_rate_factor

VIEWS = policy("digits", size=8)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").subset(slice(0, 256))


# Heads of a few units: the default ones are those of the papers.
SMALL = {
    "cissl": {"teacher_hidden": (16,), "embedding_dim": 8},
    "dissl": {"teacher_hidden": (16,), "n_latents": 20},
    "byol": {"head": (16, 8), "predictor": (16,)},
    **{
        name: {"head": (16, 8)}
        for name in ("simclr", "spectral", "vicreg", "vicreg_info", "sigreg", "barlow_twins")
    },
    **{name: {"head": (16, 8), "n_prototypes": 12} for name in ("swav", "dino", "msn", "pmsn")},
}


def make(name="simclr", seed=0, **options):
    options = SMALL.get(name, {}) | options
    encoder = build_encoder("mlp", in_channels=1, image_size=8, hidden=(32,), out_dim=16, seed=seed)
    return build_method(name, encoder, n_data=256, n_classes=10, seed=seed, **options)


def weights(method):
    return {name: value.clone() for name, value in method.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_two_steps_equal_steps_written_out(digits):
    config = TrainingConfig(
        epochs=1, batch_size=128, optimiser="sgd", learning_rate=0.1, weight_decay=0.01, seed=3
    )
    ours = make()
    pretrain(ours, digits, policy=VIEWS, config=config, progress=False)
    theirs = make().train()
    order = torch.randperm(256, generator=torch_generator(3, "order", 0))
    every_view = VIEWS(digits.images, torch_generator(3, "views", 0))
    momenta = {}
    for step, rate in enumerate((0.1, 0.05)):
        index = order[128 * step : 128 * (step + 1)]
        views = [view[index] for view in every_view]
        theirs.zero_grad()
        theirs(ViewBatch(views=tuple(views))).loss.backward()
        with torch.no_grad():
            for name, p in theirs.named_parameters():
                g = p.grad + (0.01 * p if p.ndim > 1 else 0)
                momenta[name] = 0.9 * momenta.get(name, 0) + g
                p -= rate * momenta[name]
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_image_has_the_same_views_in_any_order(digits, accumulate):
    def keep(_, batch):
        for place, index in enumerate(batch[0].indices.tolist()):
            seen[index] = torch.stack([view[place] for view in batch[0].views])

    kept = []
    for order in (0, 1):
        seen = {}
        config = TrainingConfig(
            epochs=2, batch_size=64, order_seed=order, views_seed=4, accumulate=accumulate
        )
        method = make("supervised")
        method.register_forward_pre_hook(keep)
        pretrain(method, digits, policy=VIEWS, config=config, progress=False)
        kept.append(torch.stack([seen[index] for index in range(256)]))
    assert torch.equal(*kept)


@pytest.mark.parametrize("name", ["byol", "swav", "dino"])
def test_same_seed_same_bits_and_another_seed_others(digits, name):
    def run(seed):
        method = make(name)
        config = TrainingConfig(epochs=1, batch_size=64, seed=seed)
        before = torch.random.get_rng_state()
        pretrain(method, digits, policy=VIEWS, config=config, progress=False)
        assert torch.equal(before, torch.random.get_rng_state())
        return weights(method)

    assert same(run(0), run(0))
    assert not same(run(0), run(1))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("optimiser", ["adamw", "lars"])
def test_every_method_resumes_to_the_same_bits(digits, tmp_path, name, optimiser):
    config = TrainingConfig(epochs=3, batch_size=128, optimiser=optimiser, warmup_epochs=1)
    whole = make(name)
    full = pretrain(whole, digits, policy=VIEWS, config=config, progress=False)

    class Stop(Exception):
        pass

    def interrupt(method):
        raise Stop

    first = make(name)
    halting = TrainingConfig(
        epochs=3, batch_size=128, optimiser=optimiser, warmup_epochs=1, evaluate_every=2
    )
    with pytest.raises(Stop):
        pretrain(
            first,
            digits,
            policy=VIEWS,
            config=halting,
            out=tmp_path,
            metrics=interrupt,
            progress=False,
        )
    assert load_checkpoint(tmp_path).step == 2
    second = make(name, seed=9)
    resumed = pretrain(second, digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    assert same(weights(second), weights(whole))
    for kept in ("loss", "early_loss"):
        assert [e[kept] for e in resumed.history] == [e[kept] for e in full.history]


def test_a_finished_run_is_not_run_again(digits, tmp_path):
    config = TrainingConfig(epochs=1, batch_size=128)
    first = pretrain(make(), digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    again = pretrain(make(), digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    assert again.history == first.history
    assert same(weights(again.method), weights(first.method))


SCRIPT = """
import sys
import torch
from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.methods import build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
torch.set_num_threads(1)
digits = data.load("digits").subset(slice(0, 256))
encoder = build_encoder("mlp", in_channels=1, image_size=8, hidden=(32,), out_dim=16)
method = build_method("byol", encoder, head=(16, 8), predictor=(16,))
config = TrainingConfig(epochs=40, batch_size=64)
print("start", flush=True)
views = policy("digits", size=8)
run = pretrain(method, digits, policy=views, config=config, out=sys.argv[1], progress=False)
print(sum(float(v.double().sum()) for v in method.state_dict().values()).hex())
"""


def start(folder):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_killed_runs_end_at_the_same_bits(tmp_path):
    whole = start(tmp_path / "whole")
    killed = 0
    for delay in (0.05, 0.3):
        process = start(tmp_path / "killed")
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if (tmp_path / "killed" / FILE).exists():
            load_checkpoint(tmp_path / "killed")
    assert killed
    last = start(tmp_path / "killed").communicate()[0].split()[-1]
    assert last == whole.communicate()[0].split()[-1]
    assert sorted(p.name for p in (tmp_path / "killed").iterdir() if p.name[0] != ".") == [FILE]


def test_infinite_loss_names_step_and_last_good_checkpoint(digits, tmp_path):
    method = make()
    objective = method.objective

    def breaking(features, batch):
        loss, logs = objective(features, batch)
        return loss * (float("nan") if len(seen) == 5 else 1), logs

    seen = []
    forward = method.forward
    method.objective = breaking
    method.forward = lambda batch: (seen.append(0), forward(batch))[1]
    config = TrainingConfig(epochs=4, batch_size=128)
    with pytest.raises(Diverged, match=r"step 4 of 8; the last good checkpoint, of step 4, is"):
        pretrain(method, digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    assert load_checkpoint(tmp_path).step == 4
    for value in load_checkpoint(tmp_path).model.values():
        assert bool(torch.isfinite(value.double()).all())


@pytest.mark.parametrize("name", ["diet", "supervised"])
def test_accumulated_parts_give_the_whole_batchs_step(digits, name):
    results = []
    for accumulate in (1, 4):
        encoder = build_encoder(
            "mlp", in_channels=1, image_size=8, hidden=(32,), out_dim=16, norm="none"
        )
        method = build_method(name, encoder, n_data=256, n_classes=10).double()
        config = TrainingConfig(epochs=1, batch_size=128, optimiser="sgd", accumulate=accumulate)
        images = data.load("digits").subset(slice(0, 256))
        encoder.register_forward_pre_hook(lambda _, args: (args[0].double(),))
        pretrain(method, images, policy=VIEWS, config=config, progress=False)
        results.append(weights(method))
    for key, value in results[0].items():
        torch.testing.assert_close(results[1][key], value, rtol=1e-10, atol=1e-12)


def test_history_holds_metrics_rate_and_diagnostics(digits):
    config = TrainingConfig(epochs=4, batch_size=128, evaluate_every=2, learning_rate=0.5)
    modes = []

    def metrics(method):
        modes.append((method.training, torch.is_grad_enabled()))
        return {"knn": 0.5}

    run = pretrain(
        make("vicreg"), digits, policy=VIEWS, config=config, metrics=metrics, progress=False
    )
    assert modes == [(False, False)] * 2
    assert run.table["knn"].notna().tolist() == [False, True, False, True]
    assert run.table["step"].tolist() == [2, 4, 6, 8]
    assert run.history[0]["images_per_second"] > 0
    assert "variance" in run.history[0]
    expected = 0.5 * learning_rate_factor(7, total=8)
    assert run.history[-1]["learning_rate"] == pytest.approx(expected)


def test_early_loss_is_the_mean_over_the_first_ten_steps(digits):
    config = TrainingConfig(epochs=4, batch_size=64)  # of four steps each
    losses = []

    class Seen(type(make())):
        def forward(self, batch):
            output = super().forward(batch)
            losses.append(float(output.loss))
            return output

    method = make()
    method.__class__ = Seen
    run = pretrain(method, digits, policy=VIEWS, config=config, progress=False)
    expected = [sum(losses[:n]) / n for n in (4, 8, 10, 10)]
    assert [e["early_loss"] for e in run.history] == pytest.approx(expected, rel=1e-12)
    assert run.history[2]["early_loss"] == run.history[3]["early_loss"]


def test_bfloat16_trains_in_full_precision_weights(digits):
    method = make("barlow_twins")
    config = TrainingConfig(epochs=1, batch_size=128, precision="bfloat16")
    run = pretrain(method, digits, policy=VIEWS, config=config, progress=False)
    assert all(p.dtype == torch.float32 for p in method.parameters())
    assert run.history[0]["loss"] > 0


def test_msn_hides_patches_of_the_anchor_only(digits):
    encoder = build_encoder("vit_micro", in_channels=1, image_size=8, patch_size=2)
    method = build_method("msn", encoder, head=(16, 8), n_prototypes=16)
    seen = []
    encoder.register_forward_pre_hook(lambda _, args: seen.append([a.shape[0] for a in args[1:]]))
    config = TrainingConfig(epochs=1, batch_size=256, drop_patches=0.5)
    pretrain(method, digits, policy=VIEWS, config=config, progress=False)
    assert seen == [[8]]


def test_lars_against_the_formula_over_several_steps():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    gradients = torch.randn(5, 3, 4, generator=generator, dtype=torch.float64)
    p = torch.nn.Parameter(start.clone())
    optimiser = LARS([{"params": [p], "weight_decay": 0.1}], lr=0.3, momentum=0.9, trust=0.02)
    w, m = start.clone(), torch.zeros_like(start)
    for gradient in gradients:
        p.grad = gradient.clone()
        optimiser.step()
        g = gradient + 0.1 * w
        m = 0.9 * m + 0.02 * w.norm() / g.norm() * g
        w = w - 0.3 * m
        torch.testing.assert_close(p.data, w, rtol=1e-12, atol=0)


def test_lars_leaves_biases_and_zero_weights_to_plain_sgd():
    for shape, adapt in (((4,), False), ((2, 2), True)):
        p = torch.nn.Parameter(torch.zeros(shape))
        optimiser = LARS([{"params": [p], "adapt": adapt}], lr=0.5)
        functional.mse_loss(p, torch.ones(shape), reduction="sum").backward()
        optimiser.step()
        assert torch.equal(p.data, torch.ones(shape))


def test_schedule_rises_falls_and_ends():
    factors = [learning_rate_factor(s, total=100, warmup=10, final=0.1) for s in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:11] == [1.0, 1.0]
    assert factors[55] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))
    assert learning_rate_factor(70, total=100, schedule="constant") == 1


def test_checkpoint_holds_its_configuration_and_no_pickle(digits, tmp_path):
    spec = RunSpec(
        method="simclr",
        encoder="mlp",
        data="digits",
        policy="digits",
        in_channels=1,
        image_size=8,
        n_data=256,
        n_classes=10,
        encoder_options={"hidden": [32], "out_dim": 16},
        training=TrainingConfig(epochs=1, batch_size=128),
    )
    pretrain(
        make(), digits, policy=VIEWS, config=spec.training, out=tmp_path, spec=spec, progress=False
    )
    with safe_open(tmp_path / FILE, framework="pt") as content:
        assert json.loads(content.metadata()["run"])["spec"]["method"] == "simclr"
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.spec == spec
    other = build_encoder("mlp", in_channels=1, image_size=8, hidden=(33,), out_dim=16)
    method = build_method("simclr", other, head=(16, 8))
    with pytest.raises(InputError, match="has shape"):
        restore(method, checkpoint.model)
    with pytest.raises(InputError, match=r"unknown entry|lacks"):
        restore(make("byol"), checkpoint.model)


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(MissingData, match="no checkpoint"):
        load_checkpoint(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(InputError, match="not written by this library"):
        load_checkpoint(tmp_path)
    (tmp_path / FILE).write_bytes(b"\x80\x04pickle")
    with pytest.raises(InputError, match="not a readable safetensors"):
        load_checkpoint(tmp_path)


def test_a_folder_that_is_not_ours_or_of_another_run_is_left_alone(digits, tmp_path):
    config = TrainingConfig(epochs=1, batch_size=128)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        pretrain(make(), digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    folder = tmp_path / "run"
    pretrain(make(), digits, policy=VIEWS, config=config, out=folder, progress=False)
    other = TrainingConfig(epochs=1, batch_size=128, learning_rate=0.3)
    with pytest.raises(InputError, match=r"learning_rate is 0.001, not 0.3"):
        pretrain(make(), digits, policy=VIEWS, config=other, out=folder, progress=False)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("simclr", {"batch_size": 512}, "exceeds the 256 images"),
        ("simclr", {"accumulate": 2}, "accumulate must be 1 for simclr"),
        ("simclr", {"batch_size": 100, "accumulate": 3}, "multiple of accumulate"),
        ("simclr", {"optimiser": "lamb"}, "unknown optimiser"),
        ("simclr", {"learning_rate": 0}, "learning_rate"),
        ("simclr", {"warmup_epochs": 5}, "warmup_epochs"),
        ("simclr", {"precision": "float16"}, "unknown precision"),
    ],
)
def test_senseless_configurations_are_refused(digits, name, changes, message):
    def run():
        config = TrainingConfig(**{"epochs": 1, "batch_size": 128, **changes})
        pretrain(make(name), digits, policy=VIEWS, config=config, progress=False)

    with pytest.raises(InputError, match=message):
        run()


def test_too_few_views_and_patches_without_transformer_are_refused(digits):
    one = policy("diet", size=8, strength=1)
    config = TrainingConfig(epochs=1, batch_size=128)
    with pytest.raises(InputError, match="needs 2 views"):
        pretrain(make(), digits, policy=one, config=config, progress=False)
    config = TrainingConfig(epochs=1, batch_size=128, drop_patches=0.1)
    with pytest.raises(InputError, match="vision transformer"):
        pretrain(make(), digits, policy=VIEWS, config=config, progress=False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_encoder_trains_alike_under_the_same_names(digits):
    runs = []
    for compiled in (False, True):
        config = TrainingConfig(epochs=2, batch_size=128, compile=compiled)
        runs.append(pretrain(make(), digits, policy=VIEWS, config=config, progress=False))
    plain, fast = (run.method.state_dict() for run in runs)
    assert plain.keys() == fast.keys()
    for name, value in plain.items():
        torch.testing.assert_close(fast[name], value, rtol=1e-3, atol=1e-5)


def test_weights_that_are_not_finite_are_never_kept(digits, tmp_path):
    method = make()
    # The loss of the epoch's last step is finite; its update is not.
    method.after_backward = lambda done: (
        next(method.parameters()).grad.fill_(float("inf")) if done >= 0.5 else None
    )
    config = TrainingConfig(epochs=1, batch_size=128)
    with pytest.raises(Diverged, match=r"last update .* step 1 of 2; .* of step 0"):
        pretrain(method, digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    saved = load_checkpoint(tmp_path)
    assert saved.step == 0
    assert all(bool(torch.isfinite(value).all()) for value in saved.model.values())


def test_another_setting_of_the_loss_is_another_run(digits, tmp_path):
    config = TrainingConfig(epochs=1, batch_size=128)
    pretrain(make(), digits, policy=VIEWS, config=config, out=tmp_path, progress=False)
    other = make(temperature=0.1)
    with pytest.raises(InputError, match=r"simclr.temperature is 0.5, not 0.1"):
        pretrain(other, digits, policy=VIEWS, config=config, out=tmp_path, progress=False)


def test_batches_of_few_classes_and_views_of_their_own_for_an_image_shown_twice(digits):
    seen = []

    class Watching(Method):
        name = "watching"

        def objective(self, features, batch):
            seen.append(batch)
            return features[0].square().mean(), {}

    with torch.random.fork_rng():
        method = Watching(build_encoder("mlp", in_channels=1, image_size=8))
    config = TrainingConfig(epochs=2, batch_size=64)
    pretrain(method, data.class_poor(digits, 2), policy=VIEWS, config=config, progress=False)
    assert len(seen) == 2 * (len(digits) // 64)
    repeated = 0
    for batch in seen:
        assert len(batch.labels.unique()) == 2
        assert torch.equal(batch.labels, digits.labels[batch.indices])
        for index in batch.indices.unique():
            views = batch.views[0][batch.indices == index].flatten(1)
            repeated += len(views) > 1
            assert len(views.unique(dim=0)) == len(views)
    assert repeated > 0
    assert not torch.equal(seen[0].indices, seen[-1].indices)
