"""Pretrain in one of several gloo processes and save what came of it.

Run as ``python in_processes.py RANK WORLD FOLDER``. There is no BatchNorm: on the CPU its
statistics are each process's own.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.methods import build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.distributed import processes
from ssl_lib.training.loop import pretrain

PLAIN = {"head": (16, 8), "head_norm": "none"}
CASES = {
    "simclr": (PLAIN, {"optimiser": "sgd", "learning_rate": 0.1, "clip_norm": 0.5}),
    "byol": ({**PLAIN, "predictor": (16,)}, {"optimiser": "lars", "learning_rate": 0.1}),
    "dino": ({**PLAIN, "n_prototypes": 12}, {"accumulate": 2, "learning_rate": 1e-2}),
    "diet": ({}, {"accumulate": 2, "clip_norm": 0.1}),
}


class Stop(Exception):
    """Ends a run early."""


def stop(_):
    raise Stop


def make(name):
    encoder = build_encoder(
        "mlp", in_channels=1, image_size=8, hidden=(24,), out_dim=12, norm="none"
    )
    encoder.register_forward_pre_hook(lambda _, args: (args[0].double(),))
    return build_method(name, encoder, n_data=128, n_classes=10, **CASES[name][0]).double()


def train(name, out=None, metrics=None, method=None, **changes):
    config = TrainingConfig(**{"epochs": 3, "batch_size": 64, **CASES[name][1], **changes})
    method = method or make(name)
    run = pretrain(
        method,
        data.load("digits").subset(slice(0, 128)),
        policy=policy("digits", size=8),
        config=config,
        out=out,
        metrics=metrics,
        progress=False,
    )
    return {"state": method.state_dict(), "losses": [entry["loss"] for entry in run.history]}


def resumed(folder):
    """Stop after the second of three epochs, then go on with freshly built networks."""
    try:
        train("byol", out=folder, metrics=stop, evaluate_every=2)
    except Stop:
        files = sorted(path.name for path in folder.glob("*"))
    return train("byol", out=folder) | {"files": files}


def poisoned(rank):
    """Give the last process alone a loss that is not a number, at the third of two views a step."""
    method, calls = make("diet"), []

    def poison(_, args):
        calls.append(args)
        bad = rank == processes().count - 1 and len(calls) == 3
        return (args[0] * float("nan"),) if bad else args

    method.encoder.register_forward_pre_hook(poison)
    return message(lambda: train("diet", method=method, accumulate=1))


def message(call):
    try:
        call()
    except InputError as error:
        return str(error)
    return ""


def main(rank, world, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=world)
    taken = folder / f"taken-{rank}"
    if rank == 0:
        taken.mkdir()
        (taken / "thesis.txt").write_text("mine")
    results = {
        **{name: train(name) for name in CASES},
        "resumed": resumed(folder / f"run-{rank}"),
        "poisoned": poisoned(rank),
        "taken": message(lambda: train("diet", out=taken)),
        "uneven": message(lambda: train("diet", batch_size=63, accumulate=1)),
    }
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
