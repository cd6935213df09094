"""The estimators on a reader's data: scikit-learn's conventions, and errors that help."""

import inspect
import pickle

import numpy as np
import pytest

from ssl_lib.errors import InputError
from ssl_lib.theory import (
    DiffusionMap,
    Gaussian,
    KernelDirichlet,
    KernelSSL,
    Laplace,
    LinearReconstruction,
    LinearSSL,
    Noise,
    half_moons,
)

X, MOON = half_moons(80, np.random.default_rng(0))
ESTIMATORS = [
    KernelSSL(Noise(0.1), n_components=3, kernel=Laplace(0.3)),
    KernelSSL(Noise(0.1), n_components=3, kernel=Gaussian(0.3), landmarks=30),
    LinearSSL(Noise(0.1), n_components=2),
    LinearReconstruction(Noise(0.1), n_components=2),
    KernelDirichlet(3, kernel=Gaussian(0.3)),
    DiffusionMap(3, bandwidth=0.3),
]
NAMES = ["exact", "landmarks", "linear", "reconstruction", "dirichlet", "diffusion"]
each = pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)


@each
def test_clones_fit_alike_and_leave_the_original_alone(estimator: KernelSSL) -> None:
    from sklearn.base import clone

    fitted = clone(estimator).fit(X)
    again = clone(fitted)
    assert not hasattr(again, "eigenvalues_")
    assert not hasattr(estimator, "eigenvalues_")
    np.testing.assert_array_equal(again.fit(X).transform(X), fitted.transform(X))
    assert fitted.get_feature_names_out().shape == (fitted.transform(X).shape[1],)
    assert type(fitted).__name__ in repr(fitted)


@each
def test_in_a_pipeline_with_a_scaler_and_a_classifier(estimator: KernelSSL) -> None:
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), clone(estimator), LogisticRegression(C=1e4))
    assert cross_val_score(pipeline, X, MOON, cv=3).mean() > 0.85
    name = type(estimator).__name__.lower()
    pipeline.set_params(**{f"{name}__n_components": 1}).fit(X, MOON)
    assert pipeline[1].n_components == 1
    repr(pipeline)


@pytest.mark.filterwarnings("ignore")
@each
def test_scikit_learns_own_checks_pass(estimator: KernelSSL) -> None:
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    if "on_fail" not in inspect.signature(checks.check_estimator).parameters:
        pytest.skip("checks of scikit-learn 1.6 and newer")
    small = {"n_components": 1}
    if isinstance(estimator, KernelSSL):
        # The checks fit few points of many scales.
        small |= {"kernel": Laplace(2.0), "landmarks": None}
    found = checks.check_estimator(
        type(estimator)(**(estimator.get_params() | small)), on_fail=None
    )
    failed = {check["check_name"]: check["exception"] for check in found
              if check["status"] == "failed"}  # fmt: skip
    assert failed == {}


def test_a_grid_search_chooses_a_penalty() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline

    steps = [
        ("ssl", KernelSSL(Noise(0.1), n_components=None, kernel=Laplace(0.3))),
        ("to", Ridge()),
    ]
    grid = {"ssl__penalty": [1e-4, 1e-3, 1e-2]}
    found = GridSearchCV(Pipeline(steps), grid, cv=3).fit(X, MOON)
    assert found.best_score_ > 0.8


@each
def test_a_fitted_estimator_survives_pickling(estimator: KernelSSL) -> None:
    fitted = pickle.loads(pickle.dumps(estimator)).fit(X)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).transform(X), fitted.transform(X)
    )


@each
def test_nan_other_widths_and_unfitted_are_said(estimator: KernelSSL) -> None:
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinite, the first in row 3"):
        pickle.loads(pickle.dumps(estimator)).fit(bad)
    with pytest.raises(InputError, match="call fit"):
        pickle.loads(pickle.dumps(estimator)).transform(X)
    fitted = pickle.loads(pickle.dumps(estimator)).fit(X)
    with pytest.raises(InputError, match=r"has 3 features, but .* is expecting 2"):
        fitted.transform(np.ones((4, 3)))
    with pytest.raises(InputError, match=r"no parameter 'n_component'\. Did you mean"):
        fitted.set_params(n_component=3)
    with pytest.raises(InputError, match="n_components must be an integer of at least 1"):
        fitted.set_params(n_components=0).fit(X)


def test_views_given_and_views_drawn_are_the_same_thing() -> None:
    from ssl_lib.randomness import numpy_generator

    generator = numpy_generator(0, "views")
    given = [Noise(0.1)(X, generator) for _ in range(2)]
    drawn = KernelSSL(Noise(0.1), kernel=Laplace(0.3)).fit(X)
    stacked = KernelSSL(np.stack(given), kernel=Laplace(0.3)).fit(X)
    np.testing.assert_array_equal(drawn.transform(X), stacked.transform(X))


def test_features_of_an_encoder() -> None:
    import torch

    encoder = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh())
    encode = lambda points: encoder(torch.tensor(points, dtype=torch.float32))  # noqa: E731
    generator = np.random.default_rng(0)
    views = [encode(Noise(0.1)(X, generator)) for _ in range(2)]
    model = LinearSSL(views, n_components=2, penalty=1e-4).fit(encode(X))
    assert model.transform(encode(X)).shape == (80, 2)
    assert (np.diff(model.eigenvalues_) <= 0).all()


def test_wrong_views_are_said() -> None:
    with pytest.raises(InputError, match="function"):
        KernelSSL().fit(X)
    for views in ("noise", 3):
        with pytest.raises(InputError, match="views must be a function"):
            KernelSSL(views).fit(X)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"view 1 has \(79, 2\)"):
        KernelSSL([X, X[1:]]).fit(X)
    with pytest.raises(InputError, match="each view must have 80 rows, one an input, got 40"):
        KernelSSL(lambda x, generator: x[::2]).fit(X)
    with pytest.raises(InputError, match="at least 2 views"):
        KernelSSL([X]).fit(X)
    with pytest.raises(InputError, match="n_views must be an integer of at least 2, got 1"):
        KernelSSL(Noise(0.1), n_views=1).fit(X)
    with pytest.raises(InputError, match="2 columns of X, got 4"):
        KernelSSL(lambda x, generator: np.hstack([x, x])).fit(X)
    with pytest.raises(InputError, match="statistic must be 'U' or 'V'"):
        KernelSSL(Noise(0.1), statistic="W").fit(X)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="view 0 must be finite"):
        KernelSSL(lambda x, generator: x * np.inf).fit(X)


def test_what_is_no_number_and_no_kernel_is_said() -> None:
    with pytest.raises(InputError, match="X must be numbers: could not convert"):
        KernelSSL(Noise(0.1)).fit([["a", "b"]])
    with pytest.raises(InputError, match="penalty must be at least 0, got 'small'"):
        KernelSSL(Noise(0.1), penalty="small").fit(X)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"kernel must be callable .*, got 'rbf'"):
        KernelSSL(Noise(0.1), kernel="rbf").fit(X)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="alpha must be at least 0, got nan"):
        DiffusionMap(2, alpha=np.nan).fit(X)


def test_more_features_than_there_are_is_said_with_k_lambda() -> None:
    model = KernelSSL(Noise(0.1), n_components=20, kernel=Laplace(0.3), penalty=0.02)
    with pytest.raises(
        InputError, match=r"at most k_lambda = (\d+), .* rank 160 .* got 20"
    ) as said:
        model.fit(X)
    useful = int(str(said.value).split("k_lambda = ")[1].split(",")[0])
    assert useful < 20
    assert model.set_params(n_components=useful).fit(X).useful_dimension_ == useful
    with pytest.raises(InputError, match="k_lambda = 0"):
        model.set_params(penalty=10.0).fit(X)


def test_a_singular_gram_matrix_is_its_range() -> None:
    copies = np.repeat(X[:10], 8, axis=0)
    views = [copies, copies]
    model = KernelSSL(views, n_components=3, kernel=Gaussian(0.5), penalty=1e-4).fit(copies)
    alone = KernelSSL([X[:10]] * 2, n_components=3, kernel=Gaussian(0.5), penalty=1e-4).fit(X[:10])
    assert model.rank_ == 10
    np.testing.assert_allclose(model.eigenvalues_, alone.eigenvalues_, atol=1e-9)
    np.testing.assert_allclose(np.abs(model.transform(X)), np.abs(alone.transform(X)), atol=1e-6)
    with pytest.raises(InputError, match="rank 1"):
        KernelSSL(Noise(0.1), kernel=lambda a, b: np.ones((len(a), len(b)))).fit(X)
    with pytest.raises(InputError, match="vanish"):
        KernelSSL(Noise(0.1), kernel=lambda a, b: np.zeros((len(a), len(b)))).fit(X)


def test_wrong_landmarks_are_said() -> None:
    for landmarks, words in [(161, "at most 160"), ([1, 2], "number or points"), (0, "at least 1")]:
        with pytest.raises(InputError, match=words):
            KernelSSL(Noise(0.1), landmarks=landmarks).fit(X)


def test_memory_stays_far_below_that_of_the_features() -> None:
    import tracemalloc

    x = half_moons(20_000, np.random.default_rng(0)).points
    model = KernelSSL(Noise(0.1), n_components=3, kernel=Gaussian(0.3), landmarks=100)
    tracemalloc.start()
    model.fit(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    features = 2 * 20_000 * 100 * 8
    assert peak < features


def moved(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move 8 x 8 images by a pixel; what enters is dark."""
    canvas = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    return canvas[:, 1 - down : 9 - down, 1 - right : 9 - right].reshape(len(images), -1)


def test_digits_and_their_translations() -> None:
    from sklearn.datasets import load_digits
    from sklearn.linear_model import RidgeClassifierCV

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    train, test = images[:800], images[800:]
    views = [moved(train, *step) for step in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]]
    model = KernelSSL(
        views, n_components=30, kernel=Gaussian(1.5), penalty=1e-5, landmarks=500
    ).fit(train)
    np.testing.assert_allclose(
        model.eigenvalues_[:5], [0.999, 0.995, 0.994, 0.992, 0.989], atol=0.002
    )
    widths = [len(other.eigenvalues_) for other in model.path([1e-4, 1e-3, 3e-3, 1e-2])]
    np.testing.assert_allclose(widths, [30, 20, 10, 4], atol=2)
    pca = KernelSSL(
        [train, train], n_components=30, kernel=Gaussian(1.5), beta=0.0, penalty=1e-6, landmarks=500
    ).fit(train)
    shares = []
    for features in (model, pca):
        probe = RidgeClassifierCV(np.logspace(-6, 0, 7))
        probe.fit(features.transform(train[:200]), labels[:200])
        shares.append(probe.score(features.transform(moved(test, 1, 0)), labels[800:]))
    assert shares[0] > 0.85  # features that translations leave alone
    assert shares[1] < 0.75
