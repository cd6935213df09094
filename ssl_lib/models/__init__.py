"""Encoders and projection heads, initialised from a seed."""

from ssl_lib.models.build import ENCODERS, build_encoder
from ssl_lib.models.convnet import ConvNet, ResNet9
from ssl_lib.models.expansion import Expansion
from ssl_lib.models.heads import (
    DINOHead,
    Prototypes,
    linear_head,
    linear_layers,
    projection_head,
    truncated_normal_weights,
)
from ssl_lib.models.mlp import MLP
from ssl_lib.models.resnet import build_resnet
from ssl_lib.models.seeding import seeded
from ssl_lib.models.vit import ViT, random_keep

__all__ = [
    "ENCODERS",
    "MLP",
    "ConvNet",
    "DINOHead",
    "Expansion",
    "Prototypes",
    "ResNet9",
    "ViT",
    "build_encoder",
    "build_resnet",
    "linear_head",
    "linear_layers",
    "projection_head",
    "random_keep",
    "seeded",
    "truncated_normal_weights",
]
