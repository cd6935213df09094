"""Encoders: parameter counts of the papers, shapes, seeds, stems, errors."""

from importlib.util import find_spec

import pytest
import torch
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.models import ENCODERS, ConvNet, Expansion, ResNet9, build_encoder, seeded

SMALL = {
    "mlp": (1, 8),
    "convnet": (1, 8),
    "resnet9": (3, 16),
    "resnet18": (3, 32),
    "resnet34": (3, 32),
    "resnet50": (3, 32),
    "vit_micro": (3, 16),
    "vit_tiny": (3, 32),
    "vit_small": (3, 32),
}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_maps_images_to_out_dim_features_with_gradients(name):
    channels, size = SMALL[name]
    encoder = build_encoder(name, in_channels=channels, image_size=size)
    features = encoder(torch.rand(2, channels, size, size))
    assert features.shape == (2, encoder.out_dim)
    features.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet9", "resnet18", "vit_micro"])
def test_same_seed_same_bits_and_the_global_state_stays(name):
    channels, size = SMALL[name]
    before = torch.random.get_rng_state()
    first, again, other = (
        build_encoder(name, in_channels=channels, image_size=size, seed=s) for s in (3, 3, 4)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    pairs = zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    changed = [
        not torch.equal(a, b)
        for a, b in zip(first.parameters(), other.parameters(), strict=True)
        if a.ndim > 1
    ]
    assert all(changed)


def test_a_seed_does_not_depend_on_what_was_drawn_before():
    first = build_encoder("mlp", in_channels=1, image_size=8, seed=0)
    torch.rand(17)
    second = build_encoder("mlp", in_channels=1, image_size=8, seed=0)
    assert torch.equal(first.layers[0].weight, second.layers[0].weight)


def test_a_generator_gives_different_weights_each_time_and_repeats_from_its_seed():
    def two(seed):
        generator = torch.Generator().manual_seed(seed)
        return [
            build_encoder("mlp", in_channels=1, image_size=8, seed=generator).layers[0].weight
            for _ in range(2)
        ]

    first, again = two(5), two(5)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])


def test_seeded_restores_the_state_after_an_error():
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError), seeded(0, "x"):
        torch.rand(3) @ torch.rand(4)
    assert torch.equal(before, torch.random.get_rng_state())


def test_streams_of_one_seed_differ():
    draws = []
    for stream in ("encoder", "head"):
        with seeded(0, stream):
            draws.append(torch.rand(4))
    assert not torch.equal(*draws)


@pytest.mark.parametrize(
    ("out_dim", "parameters"),
    [(None, 11_168_832), (128, 13_858_112), (512, 14_055_488), (2048, 14_844_992)],
)
def test_resnet18_has_the_parameters_of_the_issl_paper(out_dim, parameters):
    encoder = build_encoder("resnet18", in_channels=3, image_size=64, out_dim=out_dim)
    assert count(encoder) == parameters
    assert encoder.out_dim == (out_dim or 512)


@pytest.mark.parametrize(("out_dim", "parameters"), [(None, 23_508_032), (8192, 31_128_640)])
def test_resnet50_has_the_parameters_of_the_released_models(out_dim, parameters):
    assert (
        count(build_encoder("resnet50", in_channels=3, image_size=224, out_dim=out_dim))
        == parameters
    )


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pooled"),
    [(32, 3, 1, False), (49, 3, 1, False), (64, 3, 1, True), (224, 7, 2, True)],
)
def test_the_stem_follows_the_image_size(size, kernel, stride, pooled):
    encoder = build_encoder("resnet18", in_channels=3, image_size=size)
    assert encoder.conv1.kernel_size == (kernel, kernel)
    assert encoder.conv1.stride == (stride, stride)
    assert isinstance(encoder.maxpool, nn.MaxPool2d) == pooled


def test_resnet_takes_other_channels_and_torchvisions_options():
    encoder = build_encoder("resnet18", in_channels=1, image_size=224, zero_init_residual=True)
    assert encoder.conv1.weight.shape == (64, 1, 7, 7)
    assert not encoder.layer1[0].bn2.weight.any()
    with pytest.raises(InputError, match=r"resnet18.*bogus"):
        build_encoder("resnet18", in_channels=1, image_size=32, bogus=1)


def test_the_expansion_adds_its_input_tiled():
    block = Expansion(4, 12, hidden=8)
    nn.init.zeros_(block.last_norm.weight)
    x = torch.rand(2, 4, 3, 3)
    assert torch.equal(block(x), torch.cat([x, x, x], 1))


@pytest.mark.parametrize("channels", [2, 4, 8])
def test_the_expansion_is_non_negative(channels):
    out = Expansion(4, channels, hidden=8)(torch.randn(2, 4, 3, 3))
    assert out.shape == (2, channels, 3, 3)
    assert bool((out >= 0).all())


def test_the_expansion_has_no_shortcut_below_its_input_and_rejects_other_multiples():
    assert Expansion(4, 2).repeats == 0
    with pytest.raises(InputError, match="out_dim=6 must be a multiple of 4"):
        Expansion(4, 6)
    with pytest.raises(InputError, match="multiple of 512"):
        build_encoder("resnet18", in_channels=3, image_size=32, out_dim=1000)


def test_the_expansion_starts_with_the_scales_of_the_papers_code():
    with seeded(0):
        block = Expansion(512, 1024, hidden=256)
    assert block.first.weight.std().item() == pytest.approx(256**-0.5, rel=0.02)
    last = block.body[5].weight
    # Cut at an absolute 2, that is never: a cut at two standard deviations would give 0.88 of it.
    assert last.std().item() == pytest.approx(256**-0.5, rel=0.02)


def test_resnet9_raises_its_dimension_and_convnet_halves_once():
    assert ResNet9(3, 32, width=4, expansion_hidden=8).out_dim == 32
    net = ConvNet(1)
    assert [layer[0].stride for layer in net.convolutions] == [(1, 1), (2, 2), (1, 1)]
    assert net.convolutions(torch.rand(2, 1, 8, 8)).shape == (2, 64, 4, 4)


def test_mlp_options_reach_the_layers():
    encoder = build_encoder(
        "mlp", in_channels=1, image_size=8, out_dim=48, hidden=(96, 96, 96), norm="none",
        activation="relu", final_activation=False,
    )  # fmt: skip
    kinds = [type(layer).__name__ for layer in encoder.layers]
    assert kinds == ["Linear", "ReLU"] * 3 + ["Linear"]
    assert encoder.out_dim == 48


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet19", "Did you mean 'resnet9'"),
        ("torchvision:resnet181", "Did you mean 'resnet18'"),
        ("xyz", r"Known: .*torchvision:NAME"),
    ],
)
def test_an_unknown_name_gives_the_closest(name, message):
    with pytest.raises(InputError, match=message):
        build_encoder(name, in_channels=3, image_size=32)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mlp", {"in_channels": 0, "image_size": 8}, "must be positive"),
        ("mlp", {"in_channels": 1, "image_size": 8, "hiden": (3,)}, "Did you mean 'hidden'"),
        ("mlp", {"in_channels": 1, "image_size": 8, "norm": "bach"}, "Did you mean 'batch'"),
        ("mlp", {"in_channels": 1, "image_size": 8, "hidden": (0,)}, "widths must be positive"),
        ("convnet", {"in_channels": 1, "image_size": 2}, "at least 4 pixels"),
        ("resnet9", {"in_channels": 1, "image_size": 4}, "at least 8 pixels"),
        ("vit_micro", {"in_channels": 1, "image_size": 8, "patch_size": 3}, "multiple of patch"),
        (
            "torchvision:resnet18",
            {"in_channels": 3, "image_size": 32, "out_dim": 64},
            "leave out_dim",
        ),
        ("torchvision:resnet18", {"in_channels": 3, "image_size": 32, "bogus": 1}, "bogus"),
        ("torchvision:vgg11", {"in_channels": 3, "image_size": 8}, "fails on"),
        (
            "torchvision:googlenet",
            {"in_channels": 3, "image_size": 32, "aux_logits": True},
            "leave out aux_logits",
        ),
    ],
)
def test_wrong_arguments_are_named(name, arguments, message):
    with pytest.raises(InputError, match=message):
        build_encoder(name, **arguments)


@pytest.mark.parametrize(
    ("name", "out_dim"),
    [("resnet18", 512), ("shufflenet_v2_x0_5", 1024), ("vit_b_32", 768)],
)
def test_torchvision_encoders_lose_their_classifier(name, out_dim):
    encoder = build_encoder(f"torchvision:{name}", in_channels=1, image_size=32)
    assert encoder.out_dim == out_dim
    assert encoder.training
    assert encoder(torch.rand(2, 1, 32, 32)).shape == (2, out_dim)


def test_auxiliary_outputs_are_left_out():
    """In training mode, too, GoogLeNet gives one vector an image."""
    encoder = build_encoder(
        "torchvision:googlenet", in_channels=3, image_size=32, init_weights=False
    )
    assert encoder.train()(torch.rand(2, 3, 32, 32)).shape == (2, 1024)


@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
def test_timm_encoders_work_when_timm_is_installed():
    encoder = build_encoder("timm:resnet10t", in_channels=1, image_size=32)
    assert encoder(torch.rand(2, 1, 32, 32)).shape == (2, encoder.out_dim)


def test_a_missing_timm_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install timm"):
        build_encoder("timm:resnet18", in_channels=3, image_size=32)
