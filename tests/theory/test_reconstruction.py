"""The linear denoising auto-encoder, against gradient descent and the published formula."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import minimize

from ssl_lib.errors import InputError
from ssl_lib.theory import LinearReconstruction, Noise, alignment

GENERATOR = np.random.default_rng(0)
X = GENERATOR.standard_normal((300, 5)) * [3, 2, 1, 1, 0.5]
VIEWS = [X + GENERATOR.standard_normal(X.shape) * [4, 0.1, 1, 0.2, 2] for _ in range(3)]


def error(encoder: np.ndarray, decoder: np.ndarray) -> float:
    return float(np.mean([((X - view @ encoder @ decoder) ** 2).sum(1) for view in VIEWS]))


def test_no_auto_encoder_reconstructs_better() -> None:
    model = LinearReconstruction(VIEWS, n_components=2).fit(X)
    features = np.concatenate([model.transform(view) for view in VIEWS])
    np.testing.assert_allclose(features.T @ features / len(features), np.eye(2), atol=1e-12)
    decoder = features.T @ np.tile(X, (3, 1)) / len(features)
    encoder = model.transform(np.eye(5))
    assert error(encoder, decoder) == pytest.approx(model.least_loss_, abs=1e-12)

    def objective(flat: np.ndarray) -> float:
        return error(flat[:10].reshape(5, 2), flat[10:].reshape(2, 5))

    found = min(minimize(objective, GENERATOR.standard_normal(20)).fun for _ in range(3))
    assert found == pytest.approx(model.least_loss_, abs=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_it_is_the_published_closed_form_in_expectation(k: int) -> None:
    # Views of +noise and -noise have the mean x and, over an orthogonal design, covariance Sigma.
    scale = np.array([4, 0.1, 1, 0.2, 2])
    x = np.tile(X, (5, 1))
    shift = np.sqrt(5) * np.repeat(np.eye(5), len(X), axis=0) * scale
    views = [x + shift, x - shift]
    second, sigma = X.T @ X / len(X), np.diag(scale**2)
    root = np.linalg.inv(np.real(sqrtm(second + sigma)))
    expected = root @ np.linalg.svd(second @ root)[2][:k].T
    model = LinearReconstruction(views, n_components=k).fit(x)
    assert alignment(model.transform(X), X @ expected) == pytest.approx(1, abs=1e-10)


def test_without_noise_it_is_principal_components() -> None:
    from sklearn.decomposition import PCA

    moved = X + 10
    model = LinearReconstruction([moved, moved], n_components=2, centre=True).fit(moved)
    theirs = PCA(2).fit(moved)
    assert alignment(model.transform(moved), theirs.transform(moved)) == pytest.approx(1)
    np.testing.assert_allclose(model.eigenvalues_, theirs.explained_variance_ * 299 / 300)


def test_large_noise_on_the_largest_directions_hides_them() -> None:
    weights = [
        np.abs(LinearReconstruction(Noise(0.0) if still else VIEWS, n_components=1)
               .fit(X).transform(np.eye(5))[:, 0]).argmax()
        for still in (True, False)
    ]  # fmt: skip
    assert weights == [0, 1]


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(InputError, match="at most 5, got 6"):
        LinearReconstruction(VIEWS, n_components=6).fit(X)
    with pytest.raises(InputError, match="views must have 5 columns, got 4"):
        LinearReconstruction([view[:, :4] for view in VIEWS], n_components=1).fit(X)
    with pytest.raises(InputError, match="each view must have 299 rows"):
        LinearReconstruction(VIEWS).fit(X[1:])
    with pytest.raises(InputError, match="function"):
        LinearReconstruction().fit(X)
