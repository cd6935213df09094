"""Closed-form SSL from samples, against optimisers, textbook solutions and peers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh, sqrtm
from scipy.optimize import minimize

from ssl_lib.errors import InputError
from ssl_lib.theory.dot_products import cube_eigenvalues
from ssl_lib.theory.heat import circle_energies, heat_eigenvalues
from ssl_lib.theory.hypercube import Crop, characters, subsets, vertices
from ssl_lib.theory.kernels import DotProduct, Gaussian, Kernel, Laplace, relu
from ssl_lib.theory.losses import moments, spectral_contrastive_loss, variation, vicreg_loss
from ssl_lib.theory.moons import half_moons
from ssl_lib.theory.nested import nested_ssl
from ssl_lib.theory.noise import AngularNoise, Noise
from ssl_lib.theory.solving import leading
from ssl_lib.theory.spans import alignment, explained
from ssl_lib.theory.spectra import Interplay
from ssl_lib.theory.ssl import KernelSSL, LinearSSL


def moons(n: int = 60, m: int = 2, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    generator = np.random.default_rng(seed)
    x = half_moons(n, generator).points
    return x, [Noise(0.1)(x, generator) for _ in range(m)]


X, VIEWS = moons(m=3)


def regularised_loss(model: KernelSSL | LinearSSL, views: list[np.ndarray]) -> float:
    features = [model.transform(view) for view in views]
    loss = vicreg_loss(features, beta=model.beta, statistic=model.statistic)
    return loss + 2 * model.penalty * float(model.eigenvalues_ @ model.norms_)


@pytest.mark.parametrize("statistic", ["U", "V"])
@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("landmarks", [None, 25])
def test_the_least_loss_is_that_of_the_features(
    statistic: str, beta: float, landmarks: int | None
) -> None:
    model = KernelSSL(
        VIEWS, n_components=4, kernel=Laplace(0.5), penalty=1e-3, beta=beta,
        statistic=statistic, landmarks=landmarks,
    ).fit(X)  # fmt: skip
    assert regularised_loss(model, VIEWS) == pytest.approx(model.least_loss_, abs=1e-11)
    known = 1 - beta + beta * model.invariance_ - model.penalty * model.norms_
    np.testing.assert_allclose(model.eigenvalues_, known, atol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_an_optimiser_from_random_starts_finds_the_closed_form(beta: float) -> None:
    generator = np.random.default_rng(0)
    layer = generator.standard_normal((2, 6))
    base = [np.tanh(view @ layer) for view in VIEWS]
    model = LinearSSL(base, n_components=3, penalty=0.01, beta=beta).fit(base[0])
    second, cross = moments(base)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(3, 6)
        excess = w @ second @ w.T - np.eye(3)
        loss = 2 * beta * np.trace(w @ (second - cross) @ w.T) + (excess**2).sum()
        gradient = 4 * beta * w @ (second - cross) + 4 * excess @ w @ second + 0.04 * w
        return loss + 0.02 * (w**2).sum(), gradient.ravel()

    found = [minimize(objective, generator.standard_normal(18), jac=True).fun for _ in range(3)]
    np.testing.assert_allclose(found, model.least_loss_, atol=1e-8)
    weights = np.linalg.lstsq(base[0], model.transform(base[0]), rcond=None)[0].T
    assert np.abs(objective(weights.ravel())[1]).max() < 1e-10


@pytest.mark.parametrize("statistic", ["U", "V"])
def test_contrastive_is_variational_vicreg(statistic: str) -> None:
    generator = np.random.default_rng(0)
    z = [generator.standard_normal((30, 4)) for _ in range(3)]
    contrastive = spectral_contrastive_loss(z, statistic=statistic)
    assert vicreg_loss(z, statistic=statistic) - 4 == pytest.approx(contrastive, abs=1e-13)


def test_the_losses_are_the_means_over_pairs_that_they_are_said_to_be() -> None:
    generator = np.random.default_rng(0)
    z = [generator.standard_normal((7, 3)) for _ in range(3)]
    pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
    positive = np.mean([(z[a] * z[b]).sum(1).mean() for a, b in pairs])
    every = np.concatenate(z)
    negative = ((every @ every.T) ** 2).mean()
    assert spectral_contrastive_loss(z) == pytest.approx(negative - 2 * positive, abs=1e-13)
    apart = np.mean([((z[a] - z[b]) ** 2).sum(1).mean() for a, b in pairs])
    second, cross = moments(z)
    assert 2 * np.trace(second - cross) == pytest.approx(apart, abs=1e-13)
    assert 2 * variation(z).sum() == pytest.approx(apart, abs=1e-13)


def test_losses_see_neither_rotations_nor_the_order_of_views() -> None:
    generator = np.random.default_rng(0)
    z = [generator.standard_normal((20, 4)) for _ in range(3)]
    turn = np.linalg.qr(generator.standard_normal((4, 4)))[0]
    assert vicreg_loss([a @ turn for a in z]) == pytest.approx(vicreg_loss(z), abs=1e-12)
    assert vicreg_loss(z[::-1]) == pytest.approx(vicreg_loss(z), abs=1e-12)
    swapped = KernelSSL(VIEWS[::-1], kernel=Laplace(0.5)).fit(X)
    np.testing.assert_allclose(
        swapped.eigenvalues_, KernelSSL(VIEWS, kernel=Laplace(0.5)).fit(X).eigenvalues_, atol=1e-12
    )


@pytest.mark.parametrize("statistic", ["U", "V"])
@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("kernel", [Laplace(0.5), Gaussian(0.5)])
def test_landmarks_at_all_views_are_exact(statistic: str, centre: bool, kernel: Kernel) -> None:
    common = {"n_components": 4, "kernel": kernel, "statistic": statistic, "centre": centre}
    exact = KernelSSL(VIEWS, **common).fit(X)
    landmarks = KernelSSL(VIEWS, landmarks=np.concatenate(VIEWS), **common).fit(X)
    np.testing.assert_allclose(exact.eigenvalues_, landmarks.eigenvalues_, atol=1e-6)
    new = moons(seed=5)[0]
    assert alignment(exact.transform(new), landmarks.transform(new)) > 1 - 1e-7


@pytest.mark.parametrize("statistic", ["U", "V"])
def test_the_sample_operators_have_the_eigenvalues_of_section_2(statistic: str) -> None:
    n, m = len(X), len(VIEWS)
    model = KernelSSL(
        VIEWS, n_components=None, kernel=Laplace(0.5), penalty=0.0, statistic=statistic
    ).fit(X)
    assert model.rank_ == n * m
    assert model.useful_dimension_ == (n if statistic == "U" else model.useful_dimension_)
    low = 0.0 if statistic == "V" else -1 / (m - 1)
    spectrum = np.linalg.eigvalsh(model._problem.operator(penalty=0.0))
    np.testing.assert_allclose(spectrum[-n:], 1, atol=1e-9)
    np.testing.assert_allclose(spectrum[:-n], low, atol=1e-9)


def test_the_official_normalisation() -> None:
    code, m, n = 1e-3, 2, len(X)
    points = np.stack(VIEWS[:m], axis=1).reshape(n * m, -1)
    gram = Laplace(0.5)(points, points)
    blocks = np.kron(np.eye(n), np.ones((m, m)))
    official = np.linalg.eigvalsh(blocks - code * np.linalg.pinv(gram))[::-1][:5]
    ours = KernelSSL(VIEWS[:m], kernel=Laplace(0.5), statistic="V", penalty=code / (m * m * n)).fit(
        X
    )
    np.testing.assert_allclose(official, m * ours.eigenvalues_, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(4, 12), m=st.integers(2, 4), beta=st.floats(0.1, 1.0),
    log_penalty=st.floats(-5, -2), statistic=st.sampled_from("UV"), seed=st.integers(0, 99),
)  # fmt: skip
def test_every_setting_solves_the_operator_of_its_definition(
    n: int, m: int, beta: float, log_penalty: float, statistic: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    views = [generator.standard_normal((n, 3)) for _ in range(m)]
    penalty, kernel = 10**log_penalty, Laplace(1.0)
    points = np.concatenate(views)  # one view of every input after the other
    same = np.kron(np.ones((m, m)), np.eye(n))
    pairs = same / m if statistic == "V" else (same - np.eye(n * m)) / (m - 1)
    operator = (1 - beta) * np.eye(n * m) + beta * pairs
    operator -= penalty * n * m * np.linalg.inv(kernel(points, points))
    exact = np.linalg.eigvalsh(operator)[::-1]
    model = KernelSSL(
        views, n_components=None, kernel=kernel, penalty=penalty, beta=beta, statistic=statistic
    ).fit(views[0])
    np.testing.assert_allclose(model.eigenvalues_, exact[exact > 0], atol=1e-9)
    assert regularised_loss(model, views) == pytest.approx(model.least_loss_, abs=1e-8)


def test_no_penalty_is_the_joint_embedding_of_van_assel() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((200, 5)) * [3, 2, 1, 1, 1]
    views = [x + generator.standard_normal(x.shape) * [0.1, 1, 0.2, 2, 0.5] for _ in range(4)]
    second = sum(v.T @ v for v in views) / 800
    mean = np.mean(views, axis=0)
    root = np.linalg.inv(np.real(sqrtm(second)))
    top = np.linalg.eigh(root @ (mean.T @ mean / 200) @ root)[1][:, -2:]
    model = LinearSSL(views, n_components=2, penalty=0.0, statistic="V", scaled=False).fit(x)
    np.testing.assert_allclose(alignment(model.transform(x), x @ root @ top), 1, atol=1e-12)
    total = np.concatenate([model.transform(v) for v in views])
    np.testing.assert_allclose(total.T @ total / 800, np.eye(2), atol=1e-12)


def test_linear_features_vary_as_their_noise_does() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((50_000, 3))
    noise = np.array([0.1, 0.5, 1.0])
    views = [x + noise * generator.standard_normal(x.shape) for _ in range(2)]
    model = LinearSSL(views, n_components=3, penalty=0.0).fit(x)
    np.testing.assert_allclose(model.eigenvalues_, 1 / (1 + noise**2), atol=0.02)


def test_without_views_it_is_kernel_pca() -> None:
    from sklearn.decomposition import KernelPCA

    same = [X, X]
    ours = KernelSSL(
        same, n_components=3, kernel=Gaussian(0.5), beta=0.0, penalty=1e-6, centre=True
    )
    theirs = KernelPCA(3, kernel="rbf", gamma=2.0).fit(X)
    new = moons(seed=3)[0]
    mine = ours.fit(X).transform(new)
    cosines = np.abs((mine * theirs.transform(new)).sum(0)) / np.sqrt(
        (mine**2).sum(0) * (theirs.transform(new) ** 2).sum(0)
    )
    np.testing.assert_allclose(cosines, 1, atol=1e-9)


def test_centred_features_have_mean_zero() -> None:
    for landmarks in (None, 20):
        model = KernelSSL(VIEWS, kernel=Laplace(0.5), centre=True, landmarks=landmarks).fit(X)
        mean = np.mean([model.transform(view).mean(0) for view in VIEWS], axis=0)
        np.testing.assert_allclose(mean, 0, atol=1e-10)


def test_a_path_shares_its_factorisation_and_equals_separate_fits() -> None:
    model = KernelSSL(VIEWS, n_components=4, kernel=Gaussian(0.3), penalty=1e-6).fit(X)
    for other in model.path([1e-5, 1e-4, 1e-3]):
        assert other._problem is model._problem
        alone = KernelSSL(VIEWS, n_components=4, kernel=Gaussian(0.3), penalty=other.penalty).fit(X)
        np.testing.assert_allclose(other.transform(X), alone.transform(X), atol=1e-9)
    assert model.penalty == 1e-6


def test_the_useful_dimension_falls_to_nothing() -> None:
    path = (
        KernelSSL(VIEWS, n_components=None, kernel=Laplace(0.5), penalty=1e-6)
        .fit(X)
        .path(np.logspace(-6, 1, 15))
    )
    widths = [model.transform(X).shape[1] for model in path]
    assert widths == [model.useful_dimension_ for model in path]
    assert (np.diff(widths) <= 0).all()
    assert widths[-1] == 0
    least = [np.sum(model.eigenvalues_**2) for model in path]
    assert (np.diff(least) <= 0).all()


def test_the_cube_population_from_its_sample() -> None:
    d, k, generator = 5, 4, np.random.default_rng(0)
    x = 1.0 - 2 * generator.integers(2, size=(4000, d))
    model = KernelSSL(
        Crop(3), n_components=k, kernel=DotProduct(relu), penalty=1e-3, n_views=8,
        landmarks=np.unique(x, axis=0), threshold=1e-12,
    ).fit(x)  # fmt: skip
    sets = subsets(d)
    nu = cube_eigenvalues(relu, d)[sets.sum(1)]
    known = Interplay.of(Crop(3).eigenvalues(sets), nu)
    mu = known.at(1e-3)
    order = np.argsort(-mu, kind="stable")
    np.testing.assert_allclose(model.eigenvalues_, mu[order[:k]], atol=0.03)
    # Six characters share the second place (the singletons): the features lie among them.
    singles = characters(x, sets[sets.sum(1) <= 1])
    assert explained(singles, model.transform(x), centre=False).min() > 0.95


@pytest.mark.parametrize("landmarks", [60, 90])
def test_the_circle_to_two_percent(landmarks: int) -> None:
    generator = np.random.default_rng(0)
    angle = 2 * np.pi * generator.random(2000)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    model = KernelSSL(
        AngularNoise(0.3), n_components=7, kernel=Gaussian(0.5), n_views=8, landmarks=landmarks,
        penalty=1e-6,
    ).fit(points)  # fmt: skip
    pairs = model.eigenvalues_[1:].reshape(3, 2).mean(1)
    exact = heat_eigenvalues(circle_energies(7)[1:].reshape(3, 2).mean(1), 0.3)
    np.testing.assert_allclose(pairs, exact, rtol=0.02)


def test_penalties_of_rounding_lose_the_moons() -> None:
    generator = np.random.default_rng(0)
    points, _ = half_moons(100, generator)
    test, moon = half_moons(1000, generator)
    views = [Noise(0.1)(points, generator) for _ in range(2)]
    shares = {}
    for code in (1e-6, 1e-10, 1e-20):
        model = KernelSSL(
            views, n_components=2, kernel=Gaussian(np.sqrt(0.05)), statistic="V",
            penalty=code / 400, scaled=False,
        ).fit(points)  # fmt: skip
        shares[code] = float(explained(model.transform(test), moon))
    assert min(shares[1e-6], shares[1e-10]) > 0.9
    assert shares[1e-20] < 0.6


def population_excess(d: int, k: int, width: int, **sample: int | str) -> float:
    """L of features learned from a sample, less the least value: both over the whole population."""
    statistic, n, m, seed = sample["statistic"], sample["n"], sample["m"], sample["seed"]
    x = 1.0 - 2 * np.random.default_rng(seed).integers(2, size=(n, d))
    model = KernelSSL(
        Crop(width), n_components=k, kernel=DotProduct(relu), penalty=1e-3, n_views=m, seed=seed,
        landmarks=vertices(d), statistic=statistic, threshold=1e-12,
    ).fit(x)  # fmt: skip
    sets = subsets(d)
    known = Interplay.of(Crop(width).eigenvalues(sets), cube_eigenvalues(relu, d)[sets.sum(1)])
    inside = np.isfinite(known.norms)
    a = (characters(vertices(d), sets).T @ model.transform(vertices(d)) / 2**d)[inside]
    second = a.T @ a
    kept = (np.array(known.invariance)[inside] - 1e-3 * known.norms[inside])[:, None] * a
    loss = 2 * np.trace(second - a.T @ kept) + ((second - np.eye(k)) ** 2).sum()
    return float(loss - known.least_loss(1e-3, k))


def test_the_unbiased_statistic_is_near_the_population_and_the_plain_one_is_not() -> None:
    at = {"n": 3200, "m": 2, "seed": 0}
    unbiased, plain = (population_excess(8, 8, 4, statistic=s, **at) for s in ("U", "V"))
    assert 0 <= unbiased < 0.3  # .147 in the mean over samples
    assert 0.9 < plain < 1.6  # 1.21


def test_the_pretraining_excess_falls_like_one_over_n() -> None:
    few, many = (
        np.mean([population_excess(6, 7, 3, statistic="U", n=n, m=4, seed=i) for i in range(6)])
        for n in (400, 3200)
    )
    assert few == pytest.approx(0.152, rel=0.3)
    assert many == pytest.approx(0.0165, rel=0.3)


@pytest.mark.parametrize(("statistic", "beta"), [("U", 1.0), ("V", 1.0), ("U", 0.6)])
def test_nested_sizes_equal_separate_fits(statistic: str, beta: float) -> None:
    x, views = moons(50, m=3)
    ridge, new = 3e-3, moons(40, seed=9)[0]
    common = {"n_components": 3, "kernel": Laplace(0.4), "statistic": statistic, "beta": beta}
    sequence = np.stack(views, axis=1).reshape(-1, 2)
    gram = Laplace(0.4)(new, sequence)
    found = nested_ssl(views, [50, 20, 35], ridge=ridge, **common)
    for size, features in zip([50, 20, 35], found, strict=True):
        alone = KernelSSL(
            [view[:size] for view in views], penalty=ridge / (3 * size), scaled=False, **common
        ).fit(x[:size])
        np.testing.assert_allclose(features.eigenvalues, alone.eigenvalues_, atol=1e-9)
        np.testing.assert_allclose(np.abs(features(gram)), np.abs(alone.transform(new)), atol=1e-5)


def test_nested_sizes_say_what_is_too_much() -> None:
    _, views = moons(20)
    with pytest.raises(InputError, match="k_lambda"):
        nested_ssl(views, [20], kernel=Laplace(0.4), ridge=20.0, n_components=5)
    with pytest.raises(InputError, match="rounding"):
        nested_ssl(views, [20], kernel=Laplace(0.4), ridge=1e-12, n_components=2)
    with pytest.raises(InputError, match="at most 20"):
        nested_ssl(views, [21], kernel=Laplace(0.4), ridge=1e-3, n_components=2)


def test_block_krylov_finds_every_copy_of_an_eigenvalue() -> None:
    size = 500
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((size, size)))[0]
    values = np.concatenate([[1.0] * 4, [0.999] * 3, np.linspace(0.99, -5e3, size - 7)])
    matrix = (turn * values) @ turn.T
    found = leading((matrix + matrix.T) / 2, 7)
    np.testing.assert_allclose(found.values, values[:7], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(turn[:, :7].T @ found.vectors, axis=0), 1, atol=1e-7)


def test_an_operator_that_rounding_moved_above_one_is_solved_all_the_same() -> None:
    matrix = np.diag(np.linspace(1.01, 0, 500))
    np.testing.assert_allclose(leading(matrix, 3).values, np.linspace(1.01, 0, 500)[:3])


def test_many_points_take_the_iterative_way_to_the_same_features() -> None:
    x, views = moons(260)
    model = KernelSSL(views, n_components=3, kernel=Laplace(0.3), penalty=1e-4).fit(x)
    assert model.rank_ > 500
    matrix = model._problem.operator(penalty=1e-4)
    exact = eigh(matrix, eigvals_only=True, subset_by_index=[len(matrix) - 3, len(matrix) - 1])
    np.testing.assert_allclose(model.eigenvalues_, exact[::-1], atol=1e-10)
