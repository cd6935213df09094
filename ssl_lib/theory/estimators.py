"""What makes a class a scikit-learn estimator, without importing scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError, closest
from ssl_lib.theory.checks import Array, as_matrix

__all__ = ["Estimator"]


class Estimator:
    """Base of this room's estimators: parameters by name, and what a ``Pipeline`` asks for.

    A subclass stores the arguments of its ``__init__`` unchanged, under their names, and learns in
    ``fit`` what ends in an underscore.

    Examples
    --------
    >>> class Doubled(Estimator):
    ...     def __init__(self, factor=2):
    ...         self.factor = factor
    ...
    ...     def fit(self, X, y=None):
    ...         self.n_features_in_ = 1
    ...         return self
    ...
    ...     def transform(self, X):
    ...         return self.factor * X
    >>> Doubled().set_params(factor=3)
    Doubled(factor=3)
    """

    n_features_in_: int

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn from inputs (n, d); ``y`` is there for pipelines and ignored."""
        raise NotImplementedError

    def transform(self, X: npt.ArrayLike) -> Array:
        """Return the features (n, k) of inputs (n, d), seen or not."""
        raise NotImplementedError

    def fit_transform(self, X: npt.ArrayLike, y: object = None) -> Array:
        """Learn from inputs and return their features.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.
        y : object
            Ignored.

        Returns
        -------
        numpy.ndarray of shape (n, k)
        """
        return self.fit(X).transform(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name.

        Parameters
        ----------
        deep : bool
            There for scikit-learn; no parameter is an estimator of its own.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters of the constructor.

        Parameters
        ----------
        **params
            New values by name.

        Returns
        -------
        Estimator
            Itself.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise InputError(
                    f"{type(self).__name__} has no parameter {name!r}.{closest(name, known)}"
                )
            setattr(self, name, value)
        return self

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Name the features: the class in lower case and a number.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        numpy.ndarray of shape (k,)
        """
        width = self._fitted("eigenvalues_").shape[0]
        return np.array([f"{type(self).__name__.lower()}{i}" for i in range(width)], dtype=object)

    def _checked_inputs(self, X: npt.ArrayLike) -> Array:
        """Return inputs of :meth:`transform`, of the width that was fitted."""
        inputs, width = as_matrix(X), self._fitted("n_features_in_")
        if inputs.shape[1] != width:
            raise InputError(
                f"X has {inputs.shape[1]} features, but {type(self).__name__} is expecting "
                f"{width} features as input."
            )
        return inputs

    def _fitted(self, name: str) -> Any:
        if not hasattr(self, name):
            raise InputError(f"{type(self).__name__} has no {name} yet: call fit(X) first.")
        return getattr(self, name)

    def __repr__(self) -> str:
        default = inspect.signature(type(self)).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not default[name].default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
        )
