"""The losses against lightly's, where it can be imported, and PMSN against recorded numbers."""

import importlib
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from ssl_lib.methods import (
    barlow_twins_loss,
    byol_loss,
    dino_loss,
    msn_loss,
    msn_targets,
    pmsn_loss,
    power_law_prior,
    prior_divergence,
    simclr_loss,
    sinkhorn,
    swav_loss,
    uniform_prior,
    vicreg_loss,
)
from ssl_lib.methods.msn import anchor_terms
from ssl_lib.methods.prior import checked_prior
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


PEERS = json.loads((Path(__file__).parent / "pmsn_peers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def inputs(repository, load_script):
    """Return what the peers were given: anchors, targets, prototypes."""
    return load_script(repository / "tools/record_pmsn.py").inputs()


def agrees(loss, prototypes, case, gradient, tolerance):
    assert loss.item() == pytest.approx(case["loss"], abs=tolerance)
    (ours,) = torch.autograd.grad(loss, prototypes)
    assert ours.abs().max() > 1e-2
    torch.testing.assert_close(ours, gradient, atol=tolerance, rtol=0)


def prior_of(settings):
    if "masses" in settings:
        return checked_prior(settings["masses"], 8)
    return power_law_prior(8, exponent=settings["power_law_exponent"])


@pytest.mark.parametrize("case", PEERS["lightly"]["cases"], ids=lambda case: str(case["settings"]))
def test_lightly_recorded_with_gradients(inputs, case):
    """Its PMSN computes KL(prior || mean), its Sinkhorn is uniform beside any prior."""
    anchors, target, prototypes = (x.clone() for x in inputs)
    prototypes.requires_grad_()
    settings = case["settings"]
    iterations = {"sinkhorn_iterations": settings["sinkhorn_iterations"]}
    if case["kind"] == "msn":
        ours = msn_loss(anchors.split(24), target, prototypes, **iterations)
    else:
        q = msn_targets(target, prototypes, **iterations)
        cross_entropy, mean = anchor_terms(anchors.split(24), q, prototypes)
        weight = settings.get("regularization_weight", 1.0)
        ours = cross_entropy + weight * prior_divergence(prior_of(settings), mean)
    # Its power law is float32.
    tolerance = 1e-6 if "power_law_exponent" in settings else 1e-12
    gradient = torch.tensor(case["gradient"], dtype=torch.float64)
    agrees(ours, prototypes, case, gradient, tolerance)


@pytest.mark.parametrize(
    "case", PEERS["stable-pretraining"]["cases"], ids=lambda case: str(case["settings"])
)
def test_stable_pretraining_recorded_with_gradients(inputs, case):
    """KL(mean || prior) as here; Sinkhorn is uniform and starts as SwAV's, without a softmax."""
    anchors, target, prototypes = (x.clone() for x in inputs)
    prototypes.requires_grad_()
    settings = case["settings"]
    cosines = F.normalize(target, dim=1) @ prototypes.T
    q = sinkhorn(cosines, epsilon=0.025, iterations=settings["sinkhorn_iterations"])
    cross_entropy, mean = anchor_terms([anchors[:24]], q, prototypes)
    divergence = prior_divergence(mean, prior_of(settings))
    ours = cross_entropy + settings["regularization_weight"] * divergence
    # It leaves prototypes at any length; here what would change the length has no gradient.
    theirs = torch.tensor(case["gradient"], dtype=torch.float64)
    unit = prototypes.detach()
    along = theirs - (theirs * unit).sum(1, keepdim=True) * unit
    # Its targets and its prior are float32.
    agrees(ours, prototypes, case, along, 2e-6)


def test_pmsn_itself_has_no_sinkhorn_and_the_divergence_from_the_mean_to_the_prior(inputs):
    anchors, target, prototypes = inputs
    q = msn_targets(target, prototypes, sinkhorn_iterations=0)
    cross_entropy, mean = anchor_terms(anchors.split(24), q, prototypes)
    for prior in (uniform_prior(8), power_law_prior(8, exponent=1.0)):
        expected = cross_entropy + 5.0 * (mean * (mean / prior).log()).sum()
        same(pmsn_loss(anchors.split(24), target, prototypes, prior=prior, weight=5.0), expected)
