"""Train every method for three steps in one of several gloo processes, and save the result.

Run as ``python two_processes.py RANK WORLD RENDEZVOUS OUTPUT``; every process takes its share of
the same batches. There is no BatchNorm: its statistics are local to a process on the CPU.
"""

import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from ssl_lib.methods import METHODS, ViewBatch, build_method
from ssl_lib.models import build_encoder

PLAIN = {"head": (16, 8), "head_norm": "none"}
PROTOTYPES = {**PLAIN, "n_prototypes": 12}
CASES = {
    "simclr": PLAIN,
    "cissl": {"teacher_hidden": (16,), "embedding_dim": 8, "head_norm": "none"},
    "spectral": PLAIN,
    "vicreg": PLAIN,
    "vicreg_info": PLAIN,
    "sigreg": PLAIN,
    "barlow_twins": PLAIN,
    "byol": {**PLAIN, "entropy": 0.5, "predictor": (16,)},
    "swav": PROTOTYPES,
    "swav queue": {**PROTOTYPES, "queue": 16, "queue_start": 0.0},
    "dino": PROTOTYPES,
    "dissl": {"n_latents": 24, "teacher_hidden": (16,), "rank": 8, "head_norm": "none"},
    "msn": PROTOTYPES,
    "pmsn": {**PROTOTYPES, "sinkhorn_iterations": 2, "alignment": "rank"},
    "diet": {},
    "supervised": {},
}


def batch(step: int, rank: int, world: int) -> ViewBatch:
    generator = torch.Generator().manual_seed(step)
    views = torch.rand(3, 16, 1, 8, 8, generator=generator, dtype=torch.float64)
    rows = slice(rank * 16 // world, (rank + 1) * 16 // world)
    indices = torch.arange(16)
    return ViewBatch(
        views=tuple(v[rows] for v in views), indices=indices[rows], labels=indices[rows] % 4
    )


def run(case: str, rank: int, world: int) -> dict[str, torch.Tensor]:
    encoder = build_encoder("mlp", in_channels=1, image_size=8, out_dim=16, norm="none")
    method = build_method(case.split()[0], encoder, n_data=16, n_classes=4, **CASES[case]).double()
    model = DistributedDataParallel(method) if world > 1 else method
    optimiser = torch.optim.SGD(method.parameter_groups(weight_decay=0.0), lr=0.1)
    result = {}
    for step in range(3):
        method.before_step(step / 10)
        optimiser.zero_grad()
        loss = model(batch(step, rank, world)).loss
        loss.backward()
        result[f"loss {step}"] = loss.detach()
        for name, parameter in method.named_parameters():
            if parameter.grad is not None:
                result[f"gradient {step} {name}"] = parameter.grad.clone()
        optimiser.step()
        method.after_step(step / 10)
    return result | {f"state {name}": value for name, value in method.state_dict().items()}


def main(rank: int, world: int, rendezvous: str, output: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{rendezvous}", rank=rank, world_size=world)
    assert {case.split()[0] for case in CASES} == set(METHODS)
    torch.save({case: run(case, rank, world) for case in CASES}, output)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
