"""The mixture on a cube: quadrature, limits, and its bounds in their order."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from ssl_lib.errors import InputError
from ssl_lib.theory.mixtures import cube_entropies, squeezed_cube

UNIT = math.log(2 * math.pi * math.e)


def entropy_by_quadrature(r: float, s: float) -> float:
    def density(x: float) -> float:
        parts = (math.exp(-((x - c) ** 2) / (2 * s**2)) for c in (-r, r))
        return sum(parts) / (2 * s * math.sqrt(2 * math.pi))

    def integrand(x: float) -> float:
        p = density(x)
        return -p * math.log(p) if p else 0.0

    far = r + 12 * s
    return quad(integrand, -far, far, points=[-r, 0, r], limit=400, epsabs=1e-12)[0]


@pytest.mark.parametrize("r", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("s", [0.5, 1.0])
def test_entropy_is_the_integral(r: float, s: float) -> None:
    expected = entropy_by_quadrature(r, s)
    assert cube_entropies(r, s).exact == pytest.approx(expected, abs=1e-10)
    assert cube_entropies(r, s, d=5).exact == pytest.approx(5 * expected, abs=1e-9)


def test_together_it_is_one_gaussian_and_apart_a_choice_of_corners() -> None:
    together = cube_entropies(0.0, 2.0, d=3)
    assert together == pytest.approx((1.5 * (UNIT + math.log(4)),) * 4)
    apart = cube_entropies(50.0, 1.0, d=3)
    assert apart[:3] == pytest.approx((1.5 * UNIT + 3 * math.log(2),) * 3)


@pytest.mark.parametrize("rho", np.geomspace(0.05, 20, 12))
def test_bounds_lie_in_their_order(rho: float) -> None:
    lower, exact, upper, gaussian = cube_entropies(rho, 1.0)
    assert lower <= exact + 1e-12
    assert exact <= min(upper, gaussian) + 1e-12


def test_which_upper_bound_is_smaller_depends_on_the_overlap() -> None:
    near, far = cube_entropies(0.5, 1.0), cube_entropies(3.0, 1.0)
    assert near.gaussian < near.kl
    assert far.kl < far.gaussian


def test_the_bound_rises_while_the_entropy_falls() -> None:
    found = [cube_entropies(*squeezed_cube(time), d=8) for time in np.linspace(0, 3, 61)]
    assert np.all(np.diff([each.gaussian for each in found]) > 0)
    assert np.all(np.diff([each.exact for each in found]) < 0)
    # The pairwise upper bound sees it.
    assert np.all(np.diff([each.kl for each in found]) < 0)
    radius, std = squeezed_cube(0.0)
    assert (radius, std) == (1.0, 1.0)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InputError, match="std must be"):
        cube_entropies(1.0, 0.0)
    with pytest.raises(InputError, match="time must be"):
        squeezed_cube(-1.0)
