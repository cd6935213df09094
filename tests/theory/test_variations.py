"""Functions of least variation: kernel Dirichlet and diffusion maps, against peers and others."""

import numpy as np
import pytest
from scipy.special import erfinv

from ssl_lib.errors import InputError
from ssl_lib.theory.diffusion import DiffusionMap
from ssl_lib.theory.dirichlet import KernelDirichlet, dirichlet_energies
from ssl_lib.theory.downstream import bias_bound
from ssl_lib.theory.heat import (
    circle_energies,
    circle_modes,
    energies_of,
    gaussian_walk_eigenvalues,
)
from ssl_lib.theory.kernels import Gaussian, Laplace
from ssl_lib.theory.moons import half_moons
from ssl_lib.theory.noise import Noise
from ssl_lib.theory.solving import leading_of_inverse
from ssl_lib.theory.spans import alignment, explained, principal_cosines
from ssl_lib.theory.ssl import KernelSSL


def circle(n: int, *, even: bool = False) -> tuple[np.ndarray, np.ndarray]:
    angle = np.arange(n) / n if even else np.random.default_rng(0).random(n)
    angle = 2 * np.pi * angle
    return angle, np.stack([np.cos(angle), np.sin(angle)], axis=1)


def moons(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return half_moons(n, np.random.default_rng(seed))


@pytest.mark.parametrize("kernel", [Gaussian(0.9), Laplace(0.9)])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_energies_are_those_of_the_gradients(kernel: Gaussian | Laplace, offset: float) -> None:
    generator = np.random.default_rng(0)
    x, y = offset + generator.standard_normal((20, 3)), offset + generator.standard_normal((5, 3))
    found = dirichlet_energies(kernel, x, y)
    slopes = -kernel.slope(x, y)[:, :, None] * (x[:, None] - y[None])  # (n, p, d)
    np.testing.assert_allclose(
        found.energy, np.einsum("lid,ljd->ij", slopes, slopes) / 20, atol=5e-10
    )
    np.testing.assert_allclose(found.second, kernel(x, y).T @ kernel(x, y) / 20, atol=1e-14)
    np.testing.assert_allclose(found.mean, kernel(x, y).mean(0), atol=1e-14)
    for matrix in (found.energy, found.second):
        assert np.linalg.eigvalsh(matrix)[0] > -1e-12


def test_the_naive_solve_returns_functions_that_vanish_on_the_data() -> None:
    from scipy.linalg import eigh

    x, _ = moons(500)
    landmarks = x[:200]
    found = dirichlet_energies(Gaussian(0.3), x, landmarks)
    values, vectors = eigh(found.energy, found.second + 1e-6 * np.eye(200), subset_by_index=[0, 5])
    test, _ = moons(1000, seed=1)
    naive = Gaussian(0.3)(test, landmarks) @ vectors
    assert np.abs(values[2:]).max() < 0.05  # the third one should be near 1
    right = KernelDirichlet(6, kernel=Gaussian(0.3), landmarks=landmarks).fit(x)
    assert 0.8 < right.eigenvalues_[2] < 1.3
    assert alignment(naive, right.transform(test)) < 0.9


def test_features_are_orthonormal_on_the_sample() -> None:
    x, _ = moons(300)
    for centre in (False, True):
        model = KernelDirichlet(5, kernel=Gaussian(0.3), landmarks=100, centre=centre).fit(x)
        features = model.transform(x)
        np.testing.assert_allclose(features.T @ features / 300, np.eye(5), atol=1e-6)
        if centre:
            np.testing.assert_allclose(features.mean(0), 0, atol=1e-9)


def test_the_energy_of_a_feature_is_its_eigenvalue() -> None:
    x, _ = moons(300)
    model = KernelDirichlet(4, kernel=Gaussian(0.4), landmarks=80, penalty=1e-7).fit(x)
    step = 1e-5
    gradient = [
        (model.transform(x + step * e) - model.transform(x - step * e)) / (2 * step)
        for e in np.eye(2)
    ]
    energy = sum((g**2).mean(0) for g in gradient)
    np.testing.assert_allclose(energy[2:], model.eigenvalues_[2:], rtol=1e-3)


def test_rotating_and_shifting_inputs_changes_nothing() -> None:
    x, _ = moons(200)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0]
    moved = x @ turn + 10
    for model in (
        KernelDirichlet(4, kernel=Gaussian(0.4)),
        DiffusionMap(4, bandwidth=0.3),
        KernelSSL([x, x + 0.1], n_components=4, kernel=Gaussian(0.4)),
    ):
        before = model.fit(x).eigenvalues_
        if isinstance(model, KernelSSL):
            model.set_params(views=[moved, (x + 0.1) @ turn + 10])
        np.testing.assert_allclose(model.fit(moved).eigenvalues_, before, rtol=1e-5, atol=1e-6)


def test_the_circle_with_and_without_the_constant() -> None:
    _, x = circle(2000)
    pairs = [
        KernelDirichlet(7 - centre, kernel=Gaussian(0.5), landmarks=100, centre=centre)
        .fit(x)
        .eigenvalues_[1 - centre :]
        .reshape(3, 2)
        .mean(1)
        for centre in (False, True)
    ]
    for found in pairs:  # near 1, 4, 9; the gradient across the circle adds
        np.testing.assert_allclose(found, [1.12, 3.97, 9.40], rtol=0.01)
    with_constant = KernelDirichlet(1, kernel=Gaussian(0.5), landmarks=100).fit(x)
    # No radial kernel spans the constant.
    assert with_constant.eigenvalues_[0] == pytest.approx(0.30, abs=0.01)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_on_an_even_circle_every_exponent_gives_the_exact_energies(alpha: float) -> None:
    angle, x = circle(600, even=True)
    model = DiffusionMap(7, bandwidth=0.05, alpha=alpha).fit(x)
    np.testing.assert_allclose(model.eigenvalues_, circle_energies(7), rtol=0.015, atol=1e-9)
    np.testing.assert_allclose(
        principal_cosines(model.embedding_, circle_modes(angle, 7)), 1, atol=1e-9
    )


def test_a_sparse_even_circle_has_every_pair() -> None:
    angle, x = circle(1500, even=True)
    model = DiffusionMap(9, bandwidth=0.02, neighbours=41).fit(x)
    np.testing.assert_allclose(model.eigenvalues_, circle_energies(9), rtol=0.01, atol=1e-8)
    np.testing.assert_allclose(
        principal_cosines(model.embedding_, circle_modes(angle, 9)), 1, atol=1e-9
    )


def test_a_drawn_circle_has_the_ratios_of_squares() -> None:
    _, x = circle(2000)
    found = DiffusionMap(7, bandwidth=0.1, alpha=0.0).fit(x).eigenvalues_[1:].reshape(3, 2).mean(1)
    np.testing.assert_allclose(found / found[0], [1, 4, 9], rtol=0.05)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5])
def test_exponents_weigh_the_density_as_on_a_gaussian_without_end(alpha: float) -> None:
    x = np.sqrt(2) * erfinv(2 * (np.arange(800) + 0.5) / 800 - 1)
    model = DiffusionMap(3, bandwidth=0.4, alpha=alpha).fit(x[:, None])
    np.testing.assert_allclose(
        1 - model.walk_[1:], 1 - gaussian_walk_eigenvalues(3, 0.4, alpha=alpha)[1:], rtol=0.06
    )


def test_exponent_zero_is_spectral_embedding() -> None:
    from sklearn.manifold import SpectralEmbedding

    x, _ = moons(400)
    theirs = SpectralEmbedding(4, affinity="rbf", gamma=1 / (2 * 0.4**2)).fit_transform(x)
    ours = DiffusionMap(4, bandwidth=0.4, alpha=0.0, centre=True).fit_transform(x)
    # Theirs leaves out each point's weight on itself, one part in a hundred here.
    assert principal_cosines(theirs, ours).min() > 0.9999


def test_the_walk_by_the_words_of_its_definition() -> None:
    x, _ = moons(80)
    h, alpha = 0.3, 0.7
    w = np.exp(-((x[:, None] - x[None]) ** 2).sum(-1) / (2 * h**2))
    q = w.sum(1)
    w = w / np.outer(q, q) ** alpha
    walk = w / w.sum(1, keepdims=True)
    model = DiffusionMap(5, bandwidth=h, alpha=alpha).fit(x)
    np.testing.assert_allclose(walk @ model.embedding_, model.embedding_ * model.walk_, atol=1e-12)
    stationary = w.sum(1) / w.sum()
    gram = (model.embedding_ * stationary[:, None]).T @ model.embedding_
    np.testing.assert_allclose(gram, np.eye(5), atol=1e-12)


def test_functions_extend_to_the_points_they_were_learned_on() -> None:
    x, _ = moons(150)
    model = DiffusionMap(4, bandwidth=0.3, alpha=1.0).fit(x)
    np.testing.assert_allclose(model.transform(x), model.embedding_, atol=1e-10)
    far = model.transform(np.array([[50.0, 50.0]]))
    assert np.isfinite(far).all()


def test_few_neighbours_are_sparse_and_near_all_of_them() -> None:
    x, _ = moons(600)
    dense = DiffusionMap(6, bandwidth=0.1).fit(x)
    sparse = DiffusionMap(6, bandwidth=0.1, neighbours=160).fit(x)
    np.testing.assert_allclose(sparse.eigenvalues_, dense.eigenvalues_, rtol=0.02, atol=1e-6)
    assert alignment(sparse.embedding_, dense.embedding_) > 0.999
    assert 2 < sparse.reach_ < dense.reach_ == np.inf
    every = DiffusionMap(6, bandwidth=0.1, neighbours=600).fit(x)
    np.testing.assert_allclose(every.eigenvalues_, dense.eigenvalues_, atol=1e-6)
    test, _ = moons(100, seed=2)
    assert alignment(sparse.transform(test), dense.transform(test)) > 0.999


@pytest.mark.parametrize("neighbours", [None, 30])
def test_clusters_never_joined_have_one_zero_each(neighbours: int | None) -> None:
    generator = np.random.default_rng(0)
    where = np.repeat(np.arange(3), 150)
    x = generator.standard_normal((450, 2)) + 100 * where[:, None]
    model = DiffusionMap(4, bandwidth=1.0, neighbours=neighbours).fit(x)
    np.testing.assert_allclose(model.eigenvalues_[:3], 0, atol=1e-8)
    assert model.eigenvalues_[3] > 0.1
    indicators = np.eye(3)[where]
    np.testing.assert_allclose(principal_cosines(model.embedding_[:, :3], indicators), 1, atol=1e-6)
    centred = DiffusionMap(3, bandwidth=1.0, neighbours=neighbours, centre=True).fit(x)
    np.testing.assert_allclose(centred.eigenvalues_[:2], 0, atol=1e-8)
    assert centred.eigenvalues_[2] == pytest.approx(model.eigenvalues_[3], rel=1e-6)


def compared(seed: int) -> dict[str, list[float]]:
    """Return alignments of 4 and 6 with least energy, and how much 2 and 6 tell of the moon."""
    (x, _), (test, moon) = moons(500, seed), moons(2000, seed + 100)
    common = {"kernel": Gaussian(0.3), "landmarks": 200}
    models = {
        "dirichlet": KernelDirichlet(6, **common),
        "views": KernelSSL(Noise(0.1), n_components=6, n_views=4, penalty=1e-6, **common),
        "graph": DiffusionMap(6, bandwidth=0.15, alpha=0.0),
        "diffusion": DiffusionMap(6, bandwidth=0.15, alpha=1.0),
        "pca": KernelSSL([x, x], n_components=6, beta=0.0, penalty=1e-6, **common),
    }
    found = {name: model.fit(x).transform(test) for name, model in models.items()}
    reference = found["dirichlet"]
    return {
        name: [
            *(alignment(own[:, :k], reference[:, :k]) for k in (4, 6)),
            *(float(explained(own[:, :k], moon)) for k in (2, 6)),
        ]
        for name, own in found.items()
    }


def test_all_methods_find_the_moons_and_kernel_pca_does_not() -> None:
    every = [compared(seed) for seed in range(3)]
    mean = {name: np.mean([found[name] for found in every], axis=0) for name in every[0]}
    for name in ("views", "graph", "diffusion"):
        assert mean[name][0] > 0.996
        assert mean[name][1] > (0.993 if name == "views" else 0.996)
        assert mean[name][2] > 0.99
    np.testing.assert_allclose(mean["pca"], [0.848, 0.905, 0.779, 0.95], atol=0.03)


def test_points_that_noise_carried_over_the_middle_belong_to_their_moon() -> None:
    x, _ = moons(500)
    test, moon = moons(2000, seed=1)
    found = KernelDirichlet(2, kernel=Gaussian(0.3), landmarks=200).fit(x).transform(test)
    side = np.sign(test[:, 0])  # another one than the moon's for every fortieth point
    assert (side != moon).mean() == pytest.approx(0.025, abs=0.01)
    assert explained(found, moon) > 0.999
    assert explained(found, side) == pytest.approx(0.91, abs=0.02)


@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_little_noise_gives_the_dirichlet_energies(noise: float) -> None:
    x, _ = moons(1000)
    common = {"kernel": Gaussian(0.3), "landmarks": 200}
    exact = KernelDirichlet(6, **common).fit(x).eigenvalues_
    model = KernelSSL(Noise(noise), n_components=6, n_views=4, penalty=1e-8, **common).fit(x)
    np.testing.assert_allclose(energies_of(model.eigenvalues_, noise)[2:4], exact[2:4], rtol=0.2)


def test_the_bias_bound_holds_and_is_met_by_the_next_function() -> None:
    eta = circle_energies(9)
    generator = np.random.default_rng(0)
    for _ in range(50):
        target = generator.standard_normal(9)
        for k in range(1, 9):
            outside = (target[k:] ** 2).sum()
            assert outside <= bias_bound(target**2 @ eta, eta, k) * (1 + 1e-12)
    for k in (1, 3, 5):
        assert bias_bound(eta[k], eta, k) == 1


def test_the_constrained_minimum_and_the_penalised_one() -> None:
    generator = np.random.default_rng(0)
    turn = np.linalg.qr(generator.standard_normal((8, 8)))[0]
    eta = np.sort(generator.random(8)) * 0.9
    energy, k = (turn * eta) @ turn.T, 3
    for _ in range(50):
        f = np.linalg.qr(generator.standard_normal((8, k)))[0]
        assert np.trace(f.T @ energy @ f) >= eta[:k].sum()
    mu = 1 - eta  # the penalised form at beta = 1: T = I - energy
    found = leading_of_inverse(
        lambda b: np.linalg.solve(1.1 * np.eye(8) - (np.eye(8) - energy), b), 8, k, above=0.1
    )
    np.testing.assert_allclose(found.values, mu[:k], atol=1e-12)
    psi = found.vectors * np.sqrt(found.values)
    loss = 2 * np.trace(psi.T @ energy @ psi) + ((psi.T @ psi - np.eye(k)) ** 2).sum()
    assert loss == pytest.approx(k - (mu[:k] ** 2).sum(), abs=1e-12)


def test_what_is_wrong_is_said() -> None:
    x, _ = moons(50)
    with pytest.raises(InputError, match="rank"):
        KernelDirichlet(5, kernel=Gaussian(1.0)).fit(np.repeat(x[:3], 5, axis=0))
    with pytest.raises(InputError, match="slope"):
        KernelDirichlet(2, kernel=lambda a, b: a @ b.T).fit(x)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="penalty"):
        KernelDirichlet(2, penalty=0.0).fit(x)
    with pytest.raises(InputError, match="at most 49"):
        DiffusionMap(50).fit(x)
    with pytest.raises(InputError, match=r"only \d+ of 30"):
        DiffusionMap(30, bandwidth=1.0).fit(x).transform(x)
    with pytest.raises(InputError, match="fit"):
        DiffusionMap(3).transform(x)
    with pytest.raises(InputError, match="ascend"):
        bias_bound(1.0, [1.0, 0.5], 1)
    assert bias_bound(1.0, [0.0, 0.0], 1) == np.inf
