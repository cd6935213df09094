"""Two gloo processes pretrain to the numbers of one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ssl_lib import cli
from ssl_lib.training.checkpoints import load_checkpoint
from ssl_lib.training.distributed import Processes

SCRIPT = Path(__file__).with_name("in_processes.py")
CASES = ("simclr", "byol", "dino", "diet")


@pytest.fixture(scope="module")
def script(load_script):
    return load_script(SCRIPT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder in which two processes have trained."""
    folder = tmp_path_factory.mktemp("gloo")
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), "2", folder], stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def assert_equal(found, expected):
    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-9)
    assert found["state"].keys() == expected["state"].keys()
    for name, value in expected["state"].items():
        torch.testing.assert_close(found["state"][name], value, rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one(script, results, name):
    alone = script.train(name)
    for result in results:
        assert_equal(result[name], alone)


def test_a_stopped_run_continues_in_both_though_one_has_the_file(script, results, folder):
    alone = script.train("byol")
    for result in results:
        assert_equal(result["resumed"], alone)
    assert [result["resumed"]["files"] for result in results] == [["checkpoint.safetensors"], []]
    assert not (folder / "run-1").exists()
    assert load_checkpoint(folder / "run-0").step == 6


def test_a_bad_loss_of_one_process_stops_both_at_the_same_step(results):
    for result in results:
        assert "the loss of diet is not finite at step 1 of 6" in result["poisoned"]


def test_errors_reach_every_process(results):
    for result in results:
        assert "is not empty and holds no checkpoint" in result["taken"]
        assert "does not split into 2 equal parts (2 processes" in result["uneven"]


@pytest.mark.slow
def test_torchrun_starts_the_command_line(tmp_path):
    arguments = [
        "pretrain", "--method", "vicreg", "--data", "digits", "--encoder", "mlp", "--epochs", "2",
        "--encoder-option", "norm=none", "--method-option", "head_norm=none",
        "--method-option", "head=(16, 8)", "--device", "cpu",
        # AdamW divides by the size of the gradient: where that is near 0, rounding takes a full
        # step, and other processors round otherwise. The steps of SGD are as near as the gradients.
        "--optimiser", "sgd", "--learning-rate", "0.1", "--out",
    ]  # fmt: skip
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc_per_node", "2", "-m", "ssl_lib.cli"]
    done = subprocess.run(
        [*launch, *arguments, tmp_path / "two"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint:") == 1
    assert cli.main([*arguments, str(tmp_path / "one")]) == 0
    one, two = (load_checkpoint(tmp_path / name) for name in ("one", "two"))
    assert two.spec == one.spec
    assert [e["loss"] for e in one.history] == pytest.approx(
        [e["loss"] for e in two.history], rel=1e-5
    )
    for name, value in one.model.items():
        torch.testing.assert_close(two.model[name], value, rtol=1e-4, atol=1e-5)


def test_batch_norm_is_synchronised_on_gpus_only(monkeypatch):
    from ssl_lib.training import distributed

    monkeypatch.setattr(distributed, "DistributedDataParallel", lambda module: module)

    class OnGpu(nn.Parameter):
        is_cuda = True

    def wrapped(parameter):
        model = nn.Sequential(nn.BatchNorm1d(2, affine=False), nn.Module())
        model[1].weight = parameter(torch.zeros(1))
        return Processes(rank=0, count=2).wrap(model)[0]

    assert isinstance(wrapped(OnGpu), nn.SyncBatchNorm)
    assert isinstance(wrapped(nn.Parameter), nn.BatchNorm1d)
    assert isinstance(Processes(rank=0, count=1).wrap(nn.BatchNorm1d(2)), nn.BatchNorm1d)
