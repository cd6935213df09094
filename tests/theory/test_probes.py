"""Spans, probes, the half-moons and stepwise learning, against definitions and simulation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import subspace_angles

from ssl_lib.errors import InputError
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.downstream import (
    classification_excess,
    excess_risk,
    nested_probes,
    regression_excess,
    source_bound,
)
from ssl_lib.theory.dynamics import learning_times, squared_amplitudes
from ssl_lib.theory.hypercube import Crop, subsets
from ssl_lib.theory.moons import class_probabilities, half_moons
from ssl_lib.theory.spans import alignment, explained, principal_cosines

GENERATOR = np.random.default_rng(0)
A, B = GENERATOR.standard_normal((40, 3)), GENERATOR.standard_normal((40, 5))


def test_cosines_are_scipys() -> None:
    np.testing.assert_allclose(
        principal_cosines(A, B), np.sort(np.cos(subspace_angles(A, B)))[::-1], atol=1e-12
    )


def test_spans_see_no_basis() -> None:
    turned = B @ GENERATOR.standard_normal((5, 5))
    assert alignment(A, turned) == pytest.approx(alignment(A, B), abs=1e-12)
    assert alignment(A, np.hstack([A, A])) == pytest.approx(1)
    assert alignment(A, A + 3, centre=True) == pytest.approx(1)
    assert alignment(A, A + 3) < 0.9


def test_explained_is_the_r2_of_a_regression() -> None:
    from sklearn.linear_model import LinearRegression

    for centre in (True, False):
        fit = LinearRegression(fit_intercept=centre).fit(B, A)
        gone = ((A - fit.predict(B)) ** 2).sum(0)
        kept = 1 - gone / ((A - centre * A.mean(0)) ** 2).sum(0)
        np.testing.assert_allclose(explained(B, A, centre=centre), kept, atol=1e-12)


def test_one_class_explains_nothing_and_says_so() -> None:
    with pytest.raises(InputError, match="one class"):
        explained(B, np.full(40, 0.1))
    with pytest.raises(InputError, match="same rows"):
        explained(B, A[:3])
    with pytest.raises(InputError, match="vanish"):
        principal_cosines(np.ones((5, 1)), A[:5], centre=True)


def test_the_excess_risk_by_simulation() -> None:
    k, noise, bias, n = 5, 0.5, 0.2, 60
    generator, risks = np.random.default_rng(0), []
    for _ in range(600):
        x, outside = generator.standard_normal((n, k)), generator.standard_normal(n)
        y = x @ np.ones(k) + np.sqrt(bias) * outside + noise * generator.standard_normal(n)
        error = np.linalg.lstsq(x, y, rcond=None)[0] - 1
        risks.append(bias + error @ error)
    exact = float(excess_risk(bias, noise=noise, k=k, n=n))
    assert np.mean(risks) == pytest.approx(exact, rel=0.05)
    with pytest.raises(InputError, match="k \\+ 1"):
        excess_risk(0.0, noise=1.0, k=5, n=[6])


def test_the_source_condition_bounds_the_bias() -> None:
    eigenvalues = np.sort(Crop(3).eigenvalues(subsets(6)))[::-1]
    for _ in range(20):
        g = GENERATOR.standard_normal(64)
        for k, power in [(7, 0.5), (13, 1.0), (3, 2.0)]:
            outside = ((eigenvalues[k:] ** power * g[k:]) ** 2).sum()
            bound = source_bound(eigenvalues, k, power=power, size=float(g @ g))
            assert outside <= bound


def test_nested_probes_equal_separate_ones() -> None:
    y = GENERATOR.standard_normal((40, 2))
    sizes = [40, 7, 20, 20]
    for size, weights in zip(sizes, nested_probes(B, y, sizes), strict=True):
        np.testing.assert_allclose(
            weights, np.linalg.lstsq(B[:size], y[:size], rcond=None)[0], atol=1e-9
        )
    with pytest.raises(InputError, match="at least 5"):
        nested_probes(B, y, [4])
    with pytest.raises(InputError, match="dependent"):
        nested_probes(np.zeros((4, 1)), np.ones((4, 1)), [2])


def test_rotated_features_are_read_out_alike() -> None:
    y, turn = GENERATOR.standard_normal((40, 2)), np.linalg.qr(GENERATOR.standard_normal((5, 5)))[0]
    plain, turned = (nested_probes(x, y, [20])[0] for x in (B, B @ turn))
    np.testing.assert_allclose(B @ plain, B @ turn @ turned, atol=1e-12)


def test_the_moons_have_the_published_bayes_error() -> None:
    points, moon = half_moons(20_000, np.random.default_rng(0))
    p = class_probabilities(points)
    np.testing.assert_allclose(p.sum(1), 1)
    assert (1 - p.max(1)).mean() == pytest.approx(0.1245, abs=0.003)
    assert ((p - p.mean(0)) ** 2).sum(1).mean() == pytest.approx(0.593, abs=0.01)
    upper = p[:, [0, 3]].sum(1) > 0.5
    assert (upper == (moon > 0)).mean() > 0.999


def test_excesses_vanish_for_the_truth_and_for_nothing_else() -> None:
    p = class_probabilities(half_moons(50, np.random.default_rng(0)).points)
    assert regression_excess(p, p) == classification_excess(p, p) == 0
    swapped = p[:, ::-1]
    both = np.stack([p, swapped])
    assert regression_excess(both, p)[1] == pytest.approx(((swapped - p) ** 2).sum(1).mean())
    by_hand = np.mean([row.max() - row[3 - row.argmax()] for row in p])
    assert classification_excess(both, p)[1] == pytest.approx(by_hand)


@pytest.mark.parametrize(("mu", "nu"), [(0.9, 0.5), (0.2, 2.0), (0.0, 1.0), (-0.3, 0.7)])
def test_amplitudes_solve_gradient_flow(mu: float, nu: float) -> None:
    # The loss of a single function a e, in its parameter a / sqrt(nu): a^4 - 2 mu a^2 + 1.
    slope = lambda _, theta: -(4 * nu**2 * theta**3 - 4 * mu * nu * theta)  # noqa: E731
    start, times = 0.03, np.linspace(0, 6, 7)
    flow = solve_ivp(slope, (0, 6), [np.sqrt(start / nu)], t_eval=times, rtol=1e-10, atol=1e-12)
    exact = nu * flow.y[0] ** 2
    found = squared_amplitudes(times, mu=[mu], nu=[nu], start=start)[:, 0]
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_learning_times_are_when_half_is_learned() -> None:
    mu, nu, start = np.array([0.9, 0.5, 0.1]), np.array([0.1, 1.0, 3.0]), 1e-5
    times = learning_times(mu=mu, nu=nu, start=start)
    reached = squared_amplitudes(times, mu=mu, nu=nu, start=start).diagonal()
    np.testing.assert_allclose(reached, mu / 2, rtol=1e-10)
    assert squared_amplitudes(1e9, mu=mu, nu=nu, start=start) == pytest.approx(mu)
    assert learning_times(mu=[0.5], nu=[1.0], start=0.4)[0] == 0
    with pytest.raises(InputError, match="above 0"):
        learning_times(mu=mu, nu=nu, start=0.0)


def test_draws_are_the_generators_alone() -> None:
    one, two = (half_moons(5, numpy_generator(3, "moons")).points for _ in range(2))
    np.testing.assert_array_equal(one, two)
