"""Projection heads: layers, norms, biases and initialisation."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.models import (
    DINOHead,
    Prototypes,
    linear_head,
    linear_layers,
    projection_head,
    truncated_normal_weights,
)


def kinds(module):
    return [type(layer).__name__ for layer in module]


def test_vicregs_expander_has_norms_between_and_no_bias_at_all():
    head = projection_head(512, (2048, 2048, 2048), final_bias=False)
    hidden = ["Linear", "BatchNorm1d", "ReLU"]
    assert kinds(head) == [*hidden, *hidden, "Linear"]
    assert all(layer.bias is None for layer in head if isinstance(layer, nn.Linear))


def test_simclrs_head_normalises_its_output():
    assert kinds(projection_head(8, (8, 4), final_norm=True)) == [
        "Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d",
    ]  # fmt: skip


def test_without_norm_every_layer_has_a_bias():
    head = projection_head(8, (8, 4), norm="none", activation="gelu", final_norm=True)
    assert kinds(head) == ["Linear", "GELU", "Linear"]
    assert all(layer.bias is not None for layer in head if isinstance(layer, nn.Linear))


def test_no_widths_is_the_identity():
    z = torch.randn(3, 4)
    assert torch.equal(linear_layers(4, ())(z), z)


def test_prototype_scores_are_cosines_whatever_the_rows_lengths():
    layer, z = Prototypes(4, 6), torch.randn(5, 4)
    expected = torch.stack([F.cosine_similarity(z, row[None]) for row in layer.weight], 1)
    torch.testing.assert_close(layer(F.normalize(z, dim=1)), expected)
    layer.weight.data *= torch.arange(1.0, 7.0)[:, None]
    torch.testing.assert_close(layer(F.normalize(z, dim=1)), expected)


def test_dino_head_logits_are_cosines():
    logits = DINOHead(8, (16, 4), 32)(100 * torch.randn(50, 8))
    assert float(logits.detach().abs().max()) <= 1 + 1e-5


def test_truncated_normal_weights():
    head = projection_head(300, (300, 300), norm="none")
    truncated_normal_weights(head)
    weight = torch.cat([layer.weight.flatten() for layer in head if hasattr(layer, "weight")])
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not any(layer.bias.any() for layer in head if hasattr(layer, "bias"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: projection_head(8, (4, 0)), "positive"),
        (lambda: linear_head(0, 4), "positive"),
        (lambda: projection_head(8, (4, 4), norm="bath"), "Did you mean 'batch'"),
        (lambda: projection_head(8, (4, 4), activation="rele"), "Did you mean 'relu'"),
    ],
)
def test_wrong_settings_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
