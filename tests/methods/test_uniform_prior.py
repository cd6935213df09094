"""What every loss thinks of unequal clusters: embeddings on K orthonormal points in proportions p.

Table 2.5 of the chapter's dossier, from the library's own losses.
"""

import math

import pytest
import torch

from ssl_lib.methods import (
    cross_correlation,
    msn_loss,
    msn_targets,
    pmsn_loss,
    prior_divergence,
    simclr_loss,
    sinkhorn,
    spectral_loss,
    swav_loss,
    uniform_prior,
    vicreg_terms,
)
from ssl_lib.methods.msn import anchor_terms

PRIOR = torch.tensor([0.9, 0.1], dtype=torch.float64)


def points(*counts):
    """Return one-hot embeddings, so many of each."""
    return torch.eye(len(counts), dtype=torch.float64).repeat_interleave(torch.tensor(counts), 0)


def terms(z):
    """Return MSN's cross-entropy and mean prediction where prototypes are the points."""
    prototypes = torch.eye(z.shape[1], dtype=z.dtype)
    return anchor_terms([z], msn_targets(z, prototypes, sinkhorn_iterations=0), prototypes)


def usage(z):
    return terms(z)[1]


def variance(z):
    """Return 25 times VICReg's hinge for one feature that is +1 or -1."""
    feature = z[:, :1] * 2 - 1
    return 25 * vicreg_terms(feature, feature)[1]


# Size of the first of two clusters: NT-Xent at 0.5, spectral, VICReg's variance, MSN, and PMSN for
# the prior [.9, .1] with KL(prior || mean), which lightly computes: the table's column. PMSN's own
# KL(mean || prior) is compared with its closed form.
TWO = {
    500: (7.0338, -1.5005, 0.000, 0.0000, 0.3681),
    600: (7.0528, -1.4805, 0.492, 0.0202, 0.2263),
    700: (7.1110, -1.4204, 2.074, 0.0823, 0.1164),
    800: (7.2128, -1.3203, 4.988, 0.1928, 0.0368),
    900: (7.3682, -1.1802, 9.990, 0.3680, 0.0000),
    990: (7.5724, -1.0198, 20.016, 0.6370, 0.1441),
}


@pytest.mark.parametrize("first", TWO)
def test_two_clusters(first):
    z = points(first, 1000 - first)
    simclr, spectral, hinge, msn, reverse = TWO[first]
    eye = torch.eye(2, dtype=z.dtype)
    cross_entropy, mean = terms(z)
    assert simclr_loss(z, z, temperature=0.5).item() == pytest.approx(simclr, abs=5e-5)
    assert spectral_loss(z, z).item() == pytest.approx(spectral, abs=5e-5)
    assert variance(z).item() == pytest.approx(hinge, abs=5e-4)
    assert msn_loss([z], z, eye, sinkhorn_iterations=0).item() == pytest.approx(msn, abs=5e-5)
    other = cross_entropy + prior_divergence(PRIOR, mean)
    assert other.item() == pytest.approx(reverse, abs=5e-5)
    p, q = first / 1000, 1 - first / 1000
    forward = p * math.log(p / 0.9) + q * math.log(q / 0.1)
    assert pmsn_loss([z], z, eye, prior=PRIOR).item() == pytest.approx(forward, abs=2e-4)


# Proportions of 999 samples: NT-Xent at 0.5, Barlow Twins off the diagonal, SwAV.
THREE = {
    (1, 1, 1): (6.7397, 1.4999, 2.130),
    (2, 1, 1): (6.7926, 1.5551, 2.725),
    (4, 1, 1): (6.9484, 1.6807, 3.924),
    (18, 1, 1): (7.3452, 1.8996, 5.820),
}


@pytest.mark.parametrize("ratio", THREE)
def test_three_clusters(ratio):
    small = round(999 / sum(ratio))
    z = points(999 - 2 * small, small, small)
    simclr, barlow, swav = THREE[ratio]
    correlation = cross_correlation(z, z)
    off = correlation.square().sum() - correlation.diagonal().square().sum()
    codes = sinkhorn(z, epsilon=0.5, iterations=50)
    assert simclr_loss(z, z, temperature=0.5).item() == pytest.approx(simclr, abs=5e-5)
    assert off.item() == pytest.approx(barlow, abs=5e-5)
    assert swav_loss([z, z], [codes, codes]).item() == pytest.approx(swav, abs=5e-4)


def test_barlow_twins_has_no_prior_on_two_clusters():
    for first in (500, 900):
        z = points(first, 1000 - first)
        correlation = cross_correlation(z, z, eps=0.0)
        off = correlation.square().sum() - correlation.diagonal().square().sum()
        assert off.item() == pytest.approx(2, abs=1e-9)


@pytest.mark.parametrize("column", range(4), ids=["simclr", "spectral", "vicreg", "msn"])
def test_all_but_pmsn_are_convex_and_least_at_equal_clusters(column):
    losses = (
        lambda z: simclr_loss(z, z, temperature=0.5),
        lambda z: spectral_loss(z, z),
        variance,
        lambda z: prior_divergence(usage(z), uniform_prior(2)),
    )
    values = torch.stack([losses[column](points(n, 200 - n)) for n in range(10, 191, 10)])
    assert int(values.argmin()) == 9
    torch.testing.assert_close(values, values.flip(0))
    assert bool((values.diff().diff() > 0).all())


@pytest.mark.parametrize("prior", [PRIOR, uniform_prior(2)])
def test_the_divergence_is_stationary_at_its_prior_alone(prior):
    """On the simplex: all entries of the gradient are equal."""

    def slope(share):
        mean = torch.tensor([share, 1 - share], dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(prior_divergence(mean, prior), mean)
        return (gradient[0] - gradient[1]).item()

    at = prior[0].item()
    assert slope(at) == pytest.approx(0, abs=1e-12)
    assert slope(at - 0.05) < 0 < slope(at + 0.05)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_its_closed_form_for_many_samples(temperature):
    p = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    z = points(1400, 400, 200)
    terms = p * (p * math.exp(1 / temperature) + 1 - p).log()
    expected = math.log(4000) - 1 / temperature + terms.sum().item()
    assert simclr_loss(z, z, temperature=temperature).item() == pytest.approx(expected, abs=3e-3)
