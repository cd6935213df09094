"""The losses against lightly's, where that package can be imported."""

import importlib
from importlib.util import find_spec

import pytest
import torch
from torch.nn import functional as F

from ssl_lib.methods import (
    barlow_twins_loss,
    byol_loss,
    dino_loss,
    msn_loss,
    msn_targets,
    power_law_prior,
    prior_divergence,
    simclr_loss,
    sinkhorn,
    swav_loss,
    vicreg_loss,
)
from ssl_lib.methods.msn import anchor_terms
from ssl_lib.vision import torchvision


@pytest.fixture(scope="module")
def lightly():
    if find_spec("lightly") is None:
        pytest.skip("lightly is not installed")
    torchvision()  # so that lightly can import it beside a CPU-only torch
    return importlib.import_module("lightly.loss")


@pytest.fixture
def prototypes():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(16, 32, generator=generator, dtype=torch.float64)


def same(ours, theirs, tolerance=1e-12):
    assert ours.item() == pytest.approx(theirs.item(), abs=tolerance)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr(lightly, pair, temperature):
    same(
        simclr_loss(*pair, temperature=temperature),
        lightly.NTXentLoss(temperature=temperature)(*pair),
    )


def test_vicreg(lightly, pair):
    same(vicreg_loss(*pair), lightly.VICRegLoss(25, 25, 1)(*pair))


def test_barlow_twins(lightly, pair):
    same(
        barlow_twins_loss(*pair, redundancy=5e-3),
        lightly.BarlowTwinsLoss(5e-3)(*map(torch.clone, pair)),
    )


def test_byol(lightly, pair):
    same(byol_loss(*pair), 2 + 2 * lightly.NegativeCosineSimilarity()(*pair))


def test_swav_with_a_local_crop(lightly, pair, prototypes):
    c = F.normalize(prototypes, dim=1)
    scores = [F.normalize(z, dim=1) @ c.T for z in (*pair, pair[0] + pair[1])]
    ours = swav_loss(scores, [sinkhorn(s) for s in scores[:2]])
    same(ours, lightly.SwaVLoss()(scores[:2], scores[2:]))


def test_dino(lightly, pair):
    student, teacher = [pair[1], pair[0]], list(pair)
    theirs = lightly.DINOLoss(output_dim=32).double()(teacher, student, teacher_temp=0.04)
    same(dino_loss(student, teacher), theirs, 1e-7)  # lightly's temperature is a float32


def test_msn(lightly, pair, prototypes):
    a, b = pair
    ours = msn_loss([a, b], b, prototypes)
    same(ours, lightly.MSNLoss()(torch.cat([a, b]), b, prototypes, 0.25))


def test_pmsn_with_the_divergence_the_other_way_round(lightly, pair, prototypes):
    """lightly computes KL(prior || mean) and balances the targets uniformly."""
    a, b = pair
    cross_entropy, mean = anchor_terms([a], msn_targets(b, prototypes), prototypes)
    ours = cross_entropy + prior_divergence(power_law_prior(16), mean)
    theirs = lightly.PMSNLoss(power_law_exponent=0.25)(a, b, prototypes, 0.25)
    same(ours, theirs, 1e-7)  # lightly's prior is float32
