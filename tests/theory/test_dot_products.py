"""Spectra on the sphere, against drawn points, exact integrals and explicit harmonics."""

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from ssl_lib.theory.cyclic import Shift, frequency_counts, shift_mean
from ssl_lib.theory.dot_products import (
    gegenbauer,
    multiplicity,
    sphere_eigenvalues,
    sphere_points,
)
from ssl_lib.theory.kernels import DotProduct, Gaussian, Laplace, relu, shift_average


def test_gegenbauer_polynomials_of_eight_dimensions() -> None:
    x = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(gegenbauer(1, x, d=8), 6 * x, atol=1e-12)
    np.testing.assert_allclose(gegenbauer(2, x, d=8), 24 * x**2 - 3, atol=1e-12)
    np.testing.assert_allclose(gegenbauer(3, x, d=8), 80 * x**3 - 24 * x, atol=1e-12)


def test_gegenbauer_scaled_to_one_is_legendre_in_three_dimensions() -> None:
    x = np.linspace(-1, 1, 9)
    legendre = np.polynomial.legendre.legval(x, [0, 0, 0, 1])
    np.testing.assert_allclose(gegenbauer(3, x, d=3, unit=True), legendre, atol=1e-14)


def test_the_cyclic_mean_of_degree_two_vanishes() -> None:
    x = sphere_points(50, 8, np.random.default_rng(0))
    values = shift_mean(gegenbauer(2, x, d=8), steps=range(8))
    assert np.abs(values).max() < 1e-9


@pytest.mark.parametrize("d", [3, 5, 8])
def test_eigenvalues_sum_to_the_kernel_at_one(d: int) -> None:
    nu = sphere_eigenvalues(np.exp, d, 16)  # times multiplicities that grow, rounding grows
    assert sum(multiplicity(d, i) * v for i, v in enumerate(nu)) == pytest.approx(np.e, abs=1e-11)
    assert (nu >= 0).all()
    tail = sphere_eigenvalues(relu, d, 60)
    assert sum(multiplicity(d, i) * v for i, v in enumerate(tail)) == pytest.approx(2, abs=2e-2)


def test_powers_have_exact_eigenvalues() -> None:
    # x -> (x.y)^2 has the constant 1/d and degree two 2 / (d (d + 2)).
    np.testing.assert_allclose(
        sphere_eigenvalues(np.square, 5, 4), [1 / 5, 0, 2 / 35, 0, 0], atol=1e-15
    )


def test_a_rough_kernel_is_integrated_as_well_as_a_smooth_one() -> None:
    few, many = (sphere_eigenvalues(relu, 4, 8, nodes=nodes) for nodes in (100, 800))
    np.testing.assert_allclose(few, many, atol=1e-14)


def test_funk_and_hecke_on_drawn_points() -> None:
    d, generator = 4, np.random.default_rng(0)
    x, probe = sphere_points(200_000, d, generator), np.eye(d)[:1]
    nu = sphere_eigenvalues(relu, d, 3)
    gram = DotProduct(relu)(probe, x)[0]
    for degree in range(4):
        harmonic = gegenbauer(degree, x @ probe[0], d=d, unit=True)
        assert (gram * harmonic).mean() == pytest.approx(nu[degree], abs=5e-3)


@pytest.mark.parametrize(("d", "degree"), [(3, 1), (4, 2), (6, 3), (5, 4), (2, 3)])
def test_frequencies_of_a_degree_sum_to_its_multiplicity(d: int, degree: int) -> None:
    counts = frequency_counts(d, degree, space="sphere")
    assert counts.sum() == multiplicity(d, degree)
    assert (counts >= 0).all()
    assert (counts[1:] == counts[:0:-1]).all()


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_frequencies_equal_the_shift_on_explicit_harmonics(degree: int) -> None:
    d = 4
    x = sphere_points(400, d, np.random.default_rng(0))
    # The zonal functions span the degree; their Gram matrix is its projector.
    zonal = gegenbauer(degree, np.clip(x @ x.T, -1, 1), d=d, unit=True)
    basis = np.linalg.svd(zonal)[0][:, : multiplicity(d, degree)]
    shifted = gegenbauer(degree, np.clip(np.roll(x, 1, axis=1) @ x.T, -1, 1), d=d, unit=True)
    action = np.linalg.lstsq(
        basis, shifted @ np.linalg.pinv(zonal, rcond=1e-8) @ basis, rcond=None
    )[0]
    angles = np.rint(np.angle(np.linalg.eigvals(action)) * d / (2 * np.pi)).astype(int) % d
    np.testing.assert_array_equal(
        np.bincount(angles, minlength=d), frequency_counts(d, degree, space="sphere")
    )


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (25, [35.672, 33.154, 18.847, 17.503]),
        (50, [137.827, 128.844, 76.927, 70.922, 58.848, 57.512, 52.714, 42.319]),
    ],
)
def test_the_averaged_gram_matrix_of_the_sphere_grid(side: int, expected: list[float]) -> None:
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, side), np.linspace(0, np.pi, side))
    x = np.stack(
        [np.cos(angle) * np.sin(height), np.sin(angle) * np.sin(height), np.cos(height)], axis=-1
    ).reshape(-1, 3)
    gram = shift_average(Gaussian(np.sqrt(0.1)), x, shifts=(0, 1, 2))
    top = eigsh(gram, len(expected), v0=np.ones(len(x)), return_eigenvectors=False)
    np.testing.assert_allclose(np.sort(top)[::-1], expected, atol=5.1e-4)


def test_shift_average_is_what_views_average_to() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((3, 4))
    views = Shift((0, 1))
    drawn = [views(x[:1], generator) for _ in range(4000)]
    other = [views(x[1:2], generator) for _ in range(4000)]
    kernel = Laplace(1.0)
    mean = np.mean([kernel(a, b)[0, 0] for a, b in zip(drawn, other, strict=True)])
    assert shift_average(kernel, x, shifts=(0, 1))[0, 1] == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("kernel", [Gaussian(0.7), Laplace(0.7)])
@pytest.mark.parametrize("d", [2, 20])
def test_slopes_are_gradients(kernel: Gaussian | Laplace, d: int) -> None:
    generator = np.random.default_rng(0)
    x, y, step = generator.standard_normal((1, d)), generator.standard_normal((3, d)), 1e-6
    for axis in range(d):
        shift = step * np.eye(d)[axis]
        numeric = (kernel(x + shift, y) - kernel(x - shift, y)) / (2 * step)
        exact = -kernel.slope(x, y) * (x[:, axis] - y[:, axis])
        np.testing.assert_allclose(numeric, exact, atol=1e-8)
