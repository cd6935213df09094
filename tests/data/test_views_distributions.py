"""Parameters follow the distributions that the classes state; seeds are fixed."""

import itertools
import math
import random
from functools import partial

import pytest
import torch
from scipy import stats

from ssl_lib.data.views import (
    Affine,
    BlockMask,
    ColourJitter,
    Cutout,
    Erase,
    GaussianBlur,
    Grayscale,
    HorizontalFlip,
    Intensity,
    Noise,
    RandomResizedCrop,
    Shift,
    Solarise,
    patch_keep,
)
from ssl_lib.errors import InputError
from ssl_lib.vision import torchvision

N = 4000
SHAPE = (N, 3, 32, 32)
P_VALUE = 1e-3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def is_uniform(values: torch.Tensor, low: float, high: float) -> bool:
    return stats.kstest(values.numpy(), stats.uniform(low, high - low).cdf).pvalue > P_VALUE


def has_probability(chosen: torch.Tensor, p: float) -> bool:
    return stats.binomtest(int(chosen.sum()), chosen.numel(), p).pvalue > P_VALUE


def test_jitter_factors_are_uniform_and_stop_at_zero():
    jitter = ColourJitter(brightness=0.4, contrast=1.5, saturation=0.8, hue=0.1, p=0.8)
    drawn = jitter.sample_parameters(SHAPE, generator())
    assert is_uniform(drawn["brightness"], 0.6, 1.4)
    assert is_uniform(drawn["contrast"], 0.0, 2.5)
    assert is_uniform(drawn["saturation"], 0.2, 1.8)
    assert is_uniform(drawn["hue"], -0.1, 0.1)
    assert has_probability(drawn["chosen"], 0.8)


def test_all_orders_of_the_jitter_are_equally_likely():
    drawn = ColourJitter().sample_parameters(SHAPE, generator())
    orders = dict.fromkeys(itertools.permutations(range(4)), 0)
    for order in drawn["order"].tolist():
        orders[tuple(order)] += 1
    assert stats.chisquare(list(orders.values())).pvalue > P_VALUE


@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
def test_crops_are_those_of_torchvision(shape):
    torch.manual_seed(0)  # torchvision draws from the global generator
    random.seed(0)
    h, w = shape
    get = torchvision("transforms").RandomResizedCrop.get_params
    blank = torch.zeros(3, h, w)
    theirs = torch.tensor(
        [get(blank, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(N // 2)], dtype=torch.float64
    )
    ours = RandomResizedCrop().sample_parameters((N, 3, h, w), generator())
    for column, name in enumerate(("top", "left", "height", "width")):
        test = stats.ks_2samp(ours[name].double().numpy(), theirs[:, column].numpy())
        assert test.pvalue > P_VALUE, name


def test_crop_boxes_lie_inside_and_keep_the_ratio():
    drawn = RandomResizedCrop(flip=0.3).sample_parameters(SHAPE, generator())
    assert int((drawn["top"] + drawn["height"]).max()) <= 32
    assert int((drawn["left"] + drawn["width"]).max()) <= 32
    assert int(drawn["top"].min()) == 0
    area = (drawn["height"] * drawn["width"]).double() / 1024
    assert 0.06 < float(area.min()) < 0.1
    assert float(area.max()) <= 1
    assert has_probability(drawn["flip"], 0.3)


def test_erased_boxes_are_those_of_torchvision():
    torch.manual_seed(0)
    erasing = torchvision("transforms").RandomErasing
    blank = torch.zeros(3, 32, 32)
    theirs = torch.tensor(
        [erasing.get_params(blank, (0.02, 0.33), (0.3, 3.3), [0.0])[:4] for _ in range(N // 2)],
        dtype=torch.float64,
    )
    ours = Erase(p=1.0).sample_parameters(SHAPE, generator())
    for column, name in enumerate(("top", "left", "height", "width")):
        test = stats.ks_2samp(ours[name].double().numpy(), theirs[:, column].numpy())
        assert test.pvalue > P_VALUE, name
    some = Erase(p=0.25).sample_parameters(SHAPE, generator())
    assert has_probability(some["height"] > 0, 0.25)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (BlockMask, "p"),
        (ColourJitter, "p"),
        (Grayscale, "p"),
        (Solarise, "p"),
        (HorizontalFlip, "p"),
        (GaussianBlur, "p"),
        (Erase, "p"),
        (partial(Cutout, size=2), "p"),
        (RandomResizedCrop, "flip"),
    ],
)
def test_a_probability_lies_in_the_unit_interval(operation, name, value):
    with pytest.raises(InputError, match=f": {name} is a probability, from 0 to 1; got {value}"):
        operation(**{name: value})


def test_probabilities():
    for operation, name, p in (
        (HorizontalFlip(p=0.5), "flip", 0.5),
        (Grayscale(p=0.2), "chosen", 0.2),
        (Solarise(p=0.1), "chosen", 0.1),
        (GaussianBlur(p=0.5), "chosen", 0.5),
    ):
        assert has_probability(operation.sample_parameters(SHAPE, generator())[name], p), operation
    keep = BlockMask(p=0.3).sample_parameters((N, 1, 8, 8), generator())["keep"]
    assert keep.shape == (N, 4, 4)
    assert has_probability(~keep, 0.3)


def test_continuous_ranges():
    assert is_uniform(GaussianBlur().sample_parameters(SHAPE, generator())["sigma"], 0.1, 2.0)
    turn = Affine(degrees=20, scale=(0.8, 1.2), shear=0.15, translate=1.2)
    drawn = turn.sample_parameters(SHAPE, generator())
    for name, low, high in (
        ("angle", -20, 20),
        ("scale", 0.8, 1.2),
        ("shear", -0.15, 0.15),
        ("right", -1.2, 1.2),
        ("down", -1.2, 1.2),
    ):
        assert is_uniform(drawn[name], low, high), name
    change = Intensity(gain=(0.7, 1.3), contrast=(0.5, 1.5), offset=(-0.2, 0.2))
    drawn = change.sample_parameters(SHAPE, generator())
    assert is_uniform(drawn["gain"], 0.7, 1.3)
    assert is_uniform(drawn["contrast"], 0.5, 1.5)
    assert is_uniform(drawn["offset"], -0.2, 0.2)


def test_shifts_are_uniform_on_whole_pixels():
    drawn = Shift(pixels=2).sample_parameters(SHAPE, generator())
    pairs = (drawn["down"] + 2) * 5 + drawn["right"] + 2
    assert stats.chisquare(pairs.bincount(minlength=25).numpy()).pvalue > P_VALUE


def test_noise_is_normal():
    noise = Noise(std=0.1).sample_parameters((100, 1, 8, 8), generator())["noise"]
    assert stats.kstest(noise.flatten().numpy(), stats.norm(0, 0.1).cdf).pvalue > P_VALUE


def test_every_patch_is_equally_likely_to_be_kept():
    kept = patch_keep(36, drop=0.15, generator=generator(), n_images=N)
    assert kept.shape == (N, 36 - math.floor(0.15 * 36))
    assert bool((kept.diff(dim=1) > 0).all())
    counts = kept.flatten().bincount(minlength=36)
    # Without replacement the counts vary less than multinomial ones: only a gross bias fails.
    assert stats.chisquare(counts.numpy()).pvalue > P_VALUE
    one = patch_keep(36, drop=0.15, generator=generator())
    assert one.shape == (31,)
    with pytest.raises(InputError, match="drop must be"):
        patch_keep(36, drop=1.0, generator=generator())
