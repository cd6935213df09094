"""What is public says what it takes, and shows a call with what it returns."""

import importlib
import inspect

import pytest

PACKAGES = ("ssl_lib.methods", "ssl_lib.models", "ssl_lib.data", "ssl_lib.data.views")
EVALUATION = (
    "linear", "logistic", "newton", "mlp", "ideal", "knn", "few_shot", "rank", "features",
    "spread", "accuracy", "entropy", "normality", "bound", "clusters", "rebalancing",
)  # fmt: skip
THEORY = (
    "checks", "closed_form", "cyclic", "diffusion", "dirichlet", "dot_products", "downstream",
    "dynamics", "estimators", "heat", "hypercube", "kernels", "landmarks", "losses",
    "mixtures", "moons", "nested", "noise", "reconstruction", "separability", "solving", "spans",
    "spectra", "ssl",
)  # fmt: skip
MODULES = (
    *PACKAGES,
    *(f"ssl_lib.evaluation.{name}" for name in EVALUATION),
    *(f"ssl_lib.theory.{name}" for name in THEORY),
)


def public(module_name):
    module = importlib.import_module(module_name)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_name_has_an_example(module_name):
    lacking = [name for name, value in public(module_name) if ">>>" not in (value.__doc__ or "")]
    assert lacking == []


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_function_documents_its_parameters(module_name):
    lacking = [
        name
        for name, value in public(module_name)
        if inspect.isfunction(value)
        and len(inspect.signature(value).parameters) > 1
        and "Parameters\n" not in (value.__doc__ or "")
    ]
    assert lacking == []
