"""Two processes give the losses, gradients and states of one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ssl_lib.methods import METHODS, gather
from ssl_lib.methods.gather import local_rows, mean_over_processes, world_size

SCRIPT = Path(__file__).with_name("two_processes.py")
LOCAL_MEANS = {"byol", "swav", "swav queue", "dino", "dissl", "msn", "pmsn", "diet", "supervised"}
CASES = sorted({*METHODS, "swav queue"})


@pytest.fixture(scope="module")
def results(tmp_path_factory, load_script):
    """Return what the single process and the two processes saved."""
    folder = tmp_path_factory.mktemp("gloo")
    outputs = [folder / f"{rank}.pt" for rank in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), "2", folder / "rendezvous", output],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, output in enumerate(outputs)
    ]
    script = load_script(SCRIPT)
    alone = {case: script.run(case, 0, 1) for case in script.CASES}
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    return [alone, *(torch.load(output, weights_only=True) for output in outputs)]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_give_one_processs_numbers(results, case):
    alone, first, second = (result[case] for result in results)
    assert set(alone) == set(first) == set(second)
    for key, expected in alone.items():
        value = first[key]
        if key.startswith("loss") and case in LOCAL_MEANS:
            value = (first[key] + second[key]) / 2
        torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-11, msg=f"{case}: {key}")


@pytest.mark.parametrize("case", sorted(set(CASES) - LOCAL_MEANS))
def test_losses_of_the_whole_batch_are_the_same_in_both_processes(results, case):
    _, first, second = (result[case] for result in results)
    for key in ("loss 0", "loss 1"):
        assert torch.equal(first[key], second[key])


def test_one_process_changes_nothing():
    z = torch.randn(4, 3, requires_grad=True)
    assert gather(z) is z
    assert mean_over_processes(z) is z
    assert world_size() == 1
    assert torch.equal(local_rows(z, 2), z[:2])
