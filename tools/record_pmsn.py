"""Record what the public implementations of PMSN compute, gradients of prototypes included.

    python tools/record_pmsn.py lightly
    python tools/record_pmsn.py stable-pretraining

in an interpreter that has the package, each writes its part of `tests/methods/pmsn_peers.json`.
Imports nothing of this library.
"""

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Case = tuple[str, dict[str, Any], Callable[[Tensor, Tensor, Tensor], Tensor]]

FILE = Path(__file__).parents[1] / "tests" / "methods" / "pmsn_peers.json"

#: Masses of the prior that is no power law.
MASSES = [5.0, 1.0, 3.0, 1.0, 2.0, 1.0, 1.0, 4.0]


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Return anchors (48, 6) in two views, targets (24, 6) and unit prototypes (8, 6), float64."""

    def waves(n: int, shift: float) -> Tensor:
        t = torch.arange(6 * n, dtype=torch.float64)
        return (0.37 * t * t + shift).sin().reshape(n, 6)

    target = waves(24, 0.0)
    anchors = torch.cat([target + 0.5 * waves(24, 1.0), target - 0.7 * waves(24, 2.0)])
    return anchors, target, nn.functional.normalize(waves(8, 3.0), dim=1)


def lightly_cases() -> Iterator[Case]:
    """Yield lightly's losses: KL(prior || mean), uniform Sinkhorn."""
    loss = importlib.import_module("lightly.loss")
    by_masses = importlib.import_module("lightly.loss.pmsn_loss").PMSNCustomLoss
    for iterations in (0, 3):
        both = {"sinkhorn_iterations": iterations}
        yield "msn", both, loss.MSNLoss(**both)
        for exponent in (0.0, 0.25, 1.0):
            given = {**both, "regularization_weight": 5.0, "power_law_exponent": exponent}
            yield "pmsn", given, loss.PMSNLoss(**given)
        prior = torch.tensor(MASSES, dtype=torch.float64) / sum(MASSES)
        custom = by_masses(target_distribution=lambda _, p=prior: p, **both)
        yield "pmsn", {**both, "masses": MASSES}, custom


class _Patch(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, None, :6]


class _Flat(nn.Module):
    """An encoder of one patch that passes its image on."""

    cls_token = None

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = _Patch()
        self.pos_embed, self.pos_drop = 0.0, nn.Identity()
        self.blocks, self.norm = nn.Identity(), nn.Identity()

    def forward_features(self, images: Tensor) -> Tensor:
        found: Tensor = self.patch_embed(images)
        return found


class _Heads(nn.Module):
    """Scores of unit embeddings, with given prototypes on both sides."""

    def __init__(self, prototypes: Tensor) -> None:
        super().__init__()
        self.prototypes = prototypes

    def forward_student(self, z: Tensor) -> Tensor:
        return nn.functional.normalize(z, dim=1) @ self.prototypes.T

    forward_teacher = forward_student


def stable_cases() -> Iterator[Case]:
    """Yield stable-pretraining's method on one anchor view: KL(mean || prior), Sinkhorn."""
    pmsn = importlib.import_module("stable_pretraining.methods.pmsn").PMSN
    for prior in ({"tau": 0.25}, {"tau": 1.0}, {"prior": torch.tensor(MASSES)}):

        def loss(anchors: Tensor, target: Tensor, prototypes: Tensor, given: Any = prior) -> Tensor:
            method = pmsn(
                encoder_name=_Flat(), n_prototypes=8, mask_ratio=0.0, prior_weight=5.0, **given
            ).double()
            method.projector = _Heads(prototypes)
            views = [z[:, :, None, None] for z in (anchors[:24], target)]
            found: Tensor = method(*views).loss
            return found

        named = {"power_law_exponent": prior["tau"]} if "tau" in prior else {"masses": MASSES}
        given = {"sinkhorn_iterations": 3, "regularization_weight": 5.0, **named}
        yield "pmsn", given, loss


def record(cases: Iterator[Case]) -> Iterator[dict[str, Any]]:
    """Yield each case with its loss and the gradient of the prototypes."""
    for kind, settings, loss in cases:
        anchors, target, prototypes = inputs()
        value = loss(anchors, target, prototypes.requires_grad_())
        (gradient,) = torch.autograd.grad(value, prototypes)
        yield {
            "loss": value.item(),
            "kind": kind,
            "settings": settings,
            "gradient": gradient.tolist(),
        }


def write(peer: str, found: dict[str, Any]) -> None:
    """Put a peer's record into the file, a case a line."""
    kept = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    text = json.dumps(kept | {peer: found}, sort_keys=True)
    FILE.write_text(text.replace('{"gradient"', '\n{"gradient"') + "\n", encoding="utf-8")


def main() -> int:
    """Record one peer."""
    peers = {"lightly": lightly_cases, "stable-pretraining": stable_cases}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=peers)
    peer = parser.parse_args().peer
    versions = {"version": importlib.metadata.version(peer), "torch": torch.__version__}
    write(peer, {**versions, "cases": list(record(peers[peer]()))})
    return 0


if __name__ == "__main__":
    sys.exit(main())
