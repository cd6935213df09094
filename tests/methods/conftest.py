"""Inputs that the tests of the losses share."""

import pytest
import torch


@pytest.fixture
def pair():
    """Return the two views of the recorded values: float64, 64 samples, 32 coordinates."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(64, 32, generator=generator, dtype=torch.float64)
    return a, a + 0.3 * torch.randn(64, 32, generator=generator, dtype=torch.float64)


@pytest.fixture
def small():
    """Return a function that draws float64 normal numbers of a shape, always the same ones."""
    generator = torch.Generator().manual_seed(1)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
