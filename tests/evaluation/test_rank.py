"""RankMe against singular value decompositions, closed forms and its invariances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.evaluation.rank import (
    RankMeter,
    alpha_req,
    classical_rank,
    entropic_rank,
    rankme,
    select_by_rank,
    singular_values,
)

pytestmark = pytest.mark.filterwarnings("ignore:RankMe of")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rankme_by_svd(z, eps):
    """Follow Eq. 1 literally."""
    sigma = torch.linalg.svdvals(z.double())
    p = sigma / sigma.sum() + eps
    terms = [-float(x) * math.log(float(x)) for x in p if x > 0]
    return math.exp(math.fsum(terms))


SPECTRA = {
    "gaussian": normal(600, 40),
    "relu": normal(600, 40).relu(),
    "wide": normal(30, 80),
    "power law": normal(600, 40) * torch.arange(1, 41) ** -6.0,
    "exact low rank": normal(600, 5) @ normal(5, 40, seed=1),
    "low rank and noise": normal(600, 5) @ normal(5, 40, seed=1) + 1e-9 * normal(600, 40, seed=2),
    "offset": normal(600, 40) + 10,
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("eps", [0.0, 1e-7])
def test_gram_route_agrees_with_the_decomposition(name, eps):
    z = SPECTRA[name]
    assert rankme(z, eps=eps, chunk=128) == pytest.approx(rankme_by_svd(z, eps), rel=1e-8)


@pytest.mark.parametrize("name", SPECTRA)
def test_singular_values_are_accurate_relative_to_the_largest(name):
    z = SPECTRA[name]
    ours, reference = singular_values(z), torch.linalg.svdvals(z)
    assert float((ours - reference).abs().max() / reference[0]) < 1e-13


@pytest.mark.parametrize("chunk", [200, 4096])
@pytest.mark.parametrize("order", ["rows", "columns", "strided"])
def test_wide_features_go_through_blas_to_the_same_values(chunk, order):
    z = normal(700, 300)
    z = {"rows": z, "columns": z.T.contiguous().T, "strided": normal(700, 600)[:, ::2]}[order]
    before = z.clone()
    reference = torch.linalg.svdvals(z)
    assert float((singular_values(z, chunk=chunk) - reference).abs().max()) < 1e-11
    centred = torch.linalg.svdvals(z - z.mean(0))
    assert float((singular_values(z, centre=True, chunk=chunk) - centred).abs().max()) < 1e-11
    meter = RankMeter(300)
    for part in z.split(chunk):
        meter.update(part)
    assert meter.compute(eps=0) == pytest.approx(entropic_rank(reference, eps=0), rel=1e-10)
    assert torch.equal(z, before)


def test_known_spectra():
    assert entropic_rank(torch.tensor([2.0, 1, 1]), eps=0) == pytest.approx(2**1.5, abs=1e-12)
    assert entropic_rank(torch.tensor([2.0, 1, 1]), eps=1e-7) == pytest.approx(2.8284273, abs=5e-8)
    assert entropic_rank(torch.tensor([1.0] * 6 + [0.0] * 9), eps=0) == pytest.approx(6)
    orthonormal = torch.linalg.qr(normal(50, 8)).Q
    assert rankme(orthonormal, eps=0) == pytest.approx(8, abs=1e-10)
    assert rankme(torch.outer(normal(50), normal(8)), eps=0) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "share"), [(0.02, 0.99749), (0.08, 0.98976), (0.25, 0.96622), (0.5, 0.92605)]
)
def test_gaussian_matrices_follow_marchenko_pastur(ratio, share):
    d = 128
    assert rankme(normal(int(d / ratio), d), eps=0) / d == pytest.approx(share, abs=2e-3)


def test_eps_inflates_as_the_closed_form_says():
    k, eps = 2048, 1e-7
    flat = entropic_rank(torch.ones(k), eps=eps) / k
    assert flat == pytest.approx(math.exp(k * eps * (math.log(k) - 1)), rel=1e-6)
    assert flat == pytest.approx(1.0014, abs=5e-5)
    one = torch.zeros(k)
    one[0] = 1
    assert entropic_rank(one, eps=1e-5) == pytest.approx(1.266, abs=5e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), d=st.integers(2, 12))
def test_invariances_and_bounds(seed, scale, d):
    z = normal(60, d, seed=seed) * torch.linspace(1, 0.01, d, dtype=torch.float64)
    value = rankme(z, eps=0)
    rotation = torch.linalg.qr(normal(d, d, seed=seed + 1)).Q
    order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
    for same in (scale * z, z[order], z @ rotation, torch.cat([z, z])):
        assert rankme(same, eps=0) == pytest.approx(value, rel=1e-9)
    assert 1 <= value <= classical_rank(z, eps=1e-12) <= d


def test_centring_removes_an_offset_and_only_centring():
    z, row = normal(300, 10), normal(10, seed=3)
    assert rankme(z + row, centre=True) == pytest.approx(rankme(z, centre=True), rel=1e-10)
    assert rankme(z + 10) < 0.8 * rankme(z)


@pytest.mark.parametrize("centre", [False, True])
def test_streaming_equals_batch_in_any_order_and_merges(centre):
    z = normal(500, 30) + 0.5
    first, second = RankMeter(30), RankMeter(30)
    for part in z[200:].split(77):
        first.update(part)
    second.update(z[:200])
    first.merge(second)
    assert first.n == 500
    assert first.compute(centre=centre) == pytest.approx(rankme(z, centre=centre), rel=1e-9)


def test_streaming_counts_no_more_shares_than_samples():
    z = normal(5, 40)
    meter = RankMeter(40)
    meter.update(z)
    assert meter.compute(eps=1e-3) == pytest.approx(rankme(z, eps=1e-3), rel=1e-6)


def test_half_precision_is_cast_up():
    z = normal(400, 16).to(torch.bfloat16)
    assert rankme(z) == pytest.approx(rankme(z.double()), rel=1e-12)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("width", [150, 40])
def test_alpha_req_finds_a_planted_power_law(exponent, width):
    basis = torch.linalg.qr(normal(400, width) - normal(400, width).mean(0)).Q
    z = basis * torch.arange(1, width + 1, dtype=torch.float64) ** (-exponent / 2)
    assert alpha_req(z - z.mean(0)) == pytest.approx(exponent, abs=1e-6)


def test_alpha_req_agrees_with_weighted_least_squares():
    z = normal(500, 120).relu()
    eigenvalues = torch.linalg.eigvalsh(torch.cov(z.T)).flip(0)[10:100]
    rank = torch.arange(11, 101, dtype=torch.float64)
    design = torch.stack([-rank.log(), torch.ones(90, dtype=torch.float64)], 1)
    root = rank.rsqrt()[:, None]
    slope = torch.linalg.lstsq(root * design, root * eigenvalues.log()[:, None]).solution[0]
    assert alpha_req(z) == pytest.approx(float(slope), rel=1e-8)


def test_alpha_req_of_a_constant_is_not_a_number():
    assert math.isnan(alpha_req(torch.ones(20, 4)))


def test_selection_takes_the_plateau_and_skips_nan():
    sweep = [1.0, 9.0, 9.95, math.nan, 10.0, 9.96, 2.0]
    assert select_by_rank(sweep) == 2
    assert select_by_rank(sweep, prefer="last") == 5
    assert select_by_rank(sweep, tolerance=0) == 4
    with pytest.raises(InputError, match="finite"):
        select_by_rank([math.nan])


def test_too_few_samples_are_warned_of():
    with pytest.warns(UserWarning, match="limited by the number of samples"):
        rankme(normal(10, 10))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(5, 3), "all zero"),
        (torch.tensor([[1.0, math.nan]]), "row 0, column 1"),
        (torch.ones(5), "shape"),
        (torch.ones(0, 3), "at least 1 row"),
    ],
)
def test_senseless_features_are_refused(features, message):
    with pytest.raises(InputError, match=message):
        rankme(features)


def test_meter_refuses_another_width_and_no_rows():
    meter = RankMeter(3)
    with pytest.raises(InputError, match="3 columns"):
        meter.update(torch.ones(2, 4))
    with pytest.raises(InputError, match="update"):
        meter.compute()
