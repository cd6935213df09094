"""LiDAR against its formula, in float64, and what it does not depend on."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.evaluation.lidar import lidar, view_features
from ssl_lib.evaluation.rank import rankme


def draw(n=60, q=5, d=7, *, seed=0, ranks=7, noise=1.0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 1, ranks, generator=generator, dtype=torch.float64)
    images = nn.functional.pad(images, (0, d - ranks))
    return images + noise * torch.randn(n, q, d, generator=generator, dtype=torch.float64)


def by_definition(features, delta, eps):
    z = features.numpy()
    n, d = len(z), z.shape[2]
    means = z.mean(1)
    between = np.cov(means.T)
    within = sum(np.cov(z[i].T) for i in range(n)) / n + delta * np.eye(d)
    root = linalg.inv(linalg.sqrtm(within))
    eigenvalues = linalg.eigvalsh(root @ between @ root).clip(0)
    p = eigenvalues / eigenvalues.sum() + eps
    return float(np.exp(-(p * np.log(p)).sum()))


@pytest.mark.parametrize("shape", [(60, 5, 7), (200, 2, 3), (30, 20, 12)])
@pytest.mark.parametrize(("delta", "eps"), [(1e-4, 1e-8), (0.5, 1e-3), (0.0, 1e-12)])
def test_it_is_the_formula(shape, delta, eps):
    z = draw(*shape, ranks=shape[2])
    assert lidar(z, delta=delta, eps=eps) == pytest.approx(by_definition(z, delta, eps), rel=1e-9)


def test_fewer_images_than_dimensions_use_at_most_one_less():
    z = draw(4, 40, 30, ranks=30, noise=1e-3)
    assert lidar(z, delta=1e-6) == pytest.approx(by_definition(z, 1e-6, 1e-8), rel=1e-6)
    assert lidar(z, delta=1e-6) < 3 + 1e-3


def test_invertible_maps_change_rankme_and_not_lidar():
    z = draw()
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(7, 7, generator=generator, dtype=torch.float64) * torch.logspace(0, 2, 7)
    other = z @ mixing + 5
    assert lidar(other, delta=0) == pytest.approx(lidar(z, delta=0), rel=1e-8)
    assert rankme(other.flatten(0, 1)) < 0.7 * rankme(z.flatten(0, 1))


def test_directions_of_noise_count_for_rankme_alone():
    z = draw(2000, 10, 16, ranks=3, noise=0.3)
    assert rankme(z.flatten(0, 1)) > 10
    # Means of ten views keep a tenth of the noise's variance: an eigenvalue of 0.1 a direction.
    signal, rest = 1 / 0.09 + 0.1, 0.1
    shares = np.array([signal] * 3 + [rest] * 13) / (3 * signal + 13 * rest)
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert lidar(z, delta=0) == pytest.approx(expected, rel=0.02)


def test_order_of_images_and_views_does_not_matter():
    z = draw()
    assert lidar(z.flip(0).flip(1)) == pytest.approx(lidar(z), rel=1e-12)


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (torch.ones(5, 3), r"shape \(n, q, d\)"),
        (torch.ones(1, 3, 4), "at least two images"),
        (torch.ones(5, 1, 4), "at least two views"),
        (torch.full((5, 3, 4), torch.nan), "must be finite"),
        (torch.ones(5, 3, 4), "same mean features"),
    ],
)
def test_what_has_no_value_is_refused(features, said):
    with pytest.raises(InputError, match=said):
        lidar(features)


def test_equal_views_need_a_ridge():
    z = draw(noise=0.0)
    with pytest.raises(InputError, match="use delta > 0"):
        lidar(z, delta=0)
    assert lidar(z) == pytest.approx(by_definition(z, 1e-4, 1e-8), rel=1e-6)
    with pytest.raises(InputError, match="delta must be at least 0"):
        lidar(z, delta=-1.0)


def test_views_are_drawn_by_the_seed_and_differ():
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    one, again = (view_features(nn.Flatten(), images, "digits", count=5) for _ in range(2))
    assert one.shape == (6, 5, 64)
    assert torch.equal(one, again)
    assert not torch.equal(one[:, 0], one[:, 2])
    assert not torch.equal(one, view_features(nn.Flatten(), images, "digits", count=5, seed=1))
    with pytest.raises(InputError, match="count"):
        view_features(nn.Flatten(), images, "digits", count=1)
