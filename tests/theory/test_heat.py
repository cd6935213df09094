"""Known spectra under noise, against quadrature, drawn views and limits."""

import numpy as np
import pytest

from ssl_lib.theory.dot_products import gegenbauer
from ssl_lib.theory.heat import (
    circle_energies,
    circle_modes,
    correlated_eigenvalues,
    energies_of,
    gaussian_eigenvalues,
    heat_eigenvalues,
    hermite_modes,
    interval_energies,
    interval_modes,
    sphere_energies,
)
from ssl_lib.theory.losses import variation
from ssl_lib.theory.noise import AngularNoise, Noise, ReflectedNoise

DRAWS = 200_000


def cross(modes: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (modes * others).mean(0)


def test_modes_are_orthonormal() -> None:
    angle = np.arange(64) * 2 * np.pi / 64
    circle = circle_modes(angle, 7)
    np.testing.assert_allclose(circle.T @ circle / 64, np.eye(7), atol=1e-14)
    x, weight = np.polynomial.legendre.leggauss(40)
    interval = interval_modes((x + 1) / 2, 6)
    np.testing.assert_allclose(interval.T @ (interval * weight[:, None] / 2), np.eye(6), atol=1e-12)
    x, weight = np.polynomial.hermite_e.hermegauss(20)
    hermite = hermite_modes(x, 8)
    weight = weight / weight.sum()
    np.testing.assert_allclose(hermite.T @ (hermite * weight[:, None]), np.eye(8), atol=1e-11)


def test_the_circle_under_angular_noise() -> None:
    generator = np.random.default_rng(0)
    angle = 2 * np.pi * generator.random(DRAWS)
    points, noise = np.stack([np.cos(angle), np.sin(angle)], axis=1), AngularNoise(0.3)
    one, two = (noise(points, generator) for _ in range(2))
    modes = [circle_modes(np.arctan2(v[:, 1], v[:, 0]), 5) for v in (one, two)]
    exact = heat_eigenvalues(circle_energies(5), 0.3)
    np.testing.assert_allclose(cross(*modes), exact, atol=5 / np.sqrt(DRAWS))


def test_where_the_small_noise_law_ends_on_the_circle() -> None:
    for scale, exact in [(0.1, [0.0199, 0.0784, 0.4424]), (0.3, [0.1721, 0.6046, 1.7892])]:
        eta = np.array([1.0, 4.0, 25.0])
        distance = 2 * (1 - heat_eigenvalues(eta, scale))
        np.testing.assert_allclose(distance, exact, atol=5e-5)
        assert (distance < 2 * scale**2 * eta).all()


def test_the_gaussian_under_additive_noise() -> None:
    generator, scale = np.random.default_rng(0), 0.5
    x = generator.standard_normal((DRAWS, 1))
    views = [Noise(scale)(x, generator) / np.sqrt(1 + scale**2) for _ in range(2)]
    found = cross(*(hermite_modes(view[:, 0], 4) for view in views))
    np.testing.assert_allclose(found, [1, 0.8, 0.64, 0.512], atol=8 / np.sqrt(DRAWS))
    np.testing.assert_allclose(gaussian_eigenvalues(4, scale), [1, 0.8, 0.64, 0.512])


def test_correlated_gaussians_by_exact_quadrature() -> None:
    rho, count = 0.7, 24
    x, weight = np.polynomial.hermite_e.hermegauss(count)
    weight = weight / weight.sum()
    # E[He_j(rho x + sqrt(1 - rho^2) z) | x] = rho^j He_j(x), twice.
    inner = rho * x[:, None] + np.sqrt(1 - rho**2) * x[None]
    mean = np.stack([hermite_modes(row, 6).T @ weight for row in inner])
    np.testing.assert_allclose((mean**2).T @ weight, correlated_eigenvalues(6, rho), rtol=1e-10)


def test_the_gaussian_is_a_correlated_pair_of_its_views() -> None:
    s = 0.4
    np.testing.assert_allclose(
        gaussian_eigenvalues(5, s), correlated_eigenvalues(5, (1 + s**2) ** -0.5)
    )


def test_the_interval_under_reflected_noise() -> None:
    generator = np.random.default_rng(0)
    x, noise = generator.random((DRAWS, 1)), ReflectedNoise(0.2)
    views = [noise(x, generator) for _ in range(2)]
    assert min(view.min() for view in views) >= 0
    assert max(view.max() for view in views) <= 1
    found = cross(*(interval_modes(view[:, 0], 4) for view in views))
    exact = heat_eigenvalues(interval_energies(4), 0.2)
    np.testing.assert_allclose(found, exact, atol=5 / np.sqrt(DRAWS))


@pytest.mark.parametrize(("d", "degree"), [(3, 2), (6, 3)])
def test_harmonics_solve_laplaces_equation_on_the_sphere(d: int, degree: int) -> None:
    t, h = np.linspace(-0.8, 0.8, 7), 1e-4
    p = lambda u: gegenbauer(degree, u, d=d, unit=True)  # noqa: E731
    first, second = (p(t + h) - p(t - h)) / (2 * h), (p(t + h) - 2 * p(t) + p(t - h)) / h**2
    laplacian = (1 - t**2) * second - (d - 1) * t * first
    np.testing.assert_allclose(-laplacian, sphere_energies(d, degree)[-1] * p(t), atol=1e-5)


def test_small_noise_gives_dirichlet_energies() -> None:
    eta = circle_energies(7)
    np.testing.assert_allclose(energies_of(heat_eigenvalues(eta, 1e-3), 1e-3), eta, rtol=1e-5)
    np.testing.assert_allclose(
        energies_of(gaussian_eigenvalues(4, 1e-3), 1e-3), range(4), rtol=1e-5
    )


def test_a_linear_function_varies_by_its_squared_slope_at_every_noise() -> None:
    generator, slope = np.random.default_rng(0), np.array([1.0, -2.0])
    for scale in (0.1, 3.0):
        x = generator.standard_normal((DRAWS, 2))
        views = [(Noise(scale)(x, generator) @ slope)[:, None] for _ in range(2)]
        assert variation(views)[0] == pytest.approx(scale**2 * 5, rel=0.02)
