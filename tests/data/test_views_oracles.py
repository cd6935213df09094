"""Every operation against torchvision's functional counterpart, at the same parameters."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.data.views import (
    Affine,
    ColourJitter,
    Cutout,
    Erase,
    GaussianBlur,
    Grayscale,
    HorizontalFlip,
    Normalise,
    RandomResizedCrop,
    Resize,
    Shift,
    Solarise,
    shift_hue,
)
from ssl_lib.errors import InputError
from ssl_lib.vision import torchvision

functional = torchvision("transforms.v2.functional")
Mode = torchvision("transforms").InterpolationMode


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    # Smooth where it matters and with hard edges where it hurts.
    noise = torch.rand(24, 3, 32, 32, generator=generator(1))
    noise[::3, :, 8:20, 4:28] = 0.9
    noise[1::5] = (noise[1::5] > 0.5).float()
    return noise


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [32, 18, 48])
def test_random_resized_crop(images, kernel, size):
    crop = RandomResizedCrop(size=size, interpolation=kernel, flip=0.5)
    drawn = crop.sample_parameters(tuple(images.shape), generator())
    ours = crop.apply(images, drawn)
    for k, image in enumerate(images):
        top, left, height, width = (int(drawn[n][k]) for n in ("top", "left", "height", "width"))
        mode = Mode.BILINEAR if kernel == "bilinear" else Mode.BICUBIC
        theirs = functional.resized_crop(
            image, top, left, height, width, [size, size], interpolation=mode, antialias=True
        ).clamp(0, 1)
        theirs = functional.horizontal_flip(theirs) if drawn["flip"][k] else theirs
        torch.testing.assert_close(ours[k], theirs, atol=1e-5, rtol=0)


def test_a_crop_of_images_that_are_not_square(images):
    wide = images[:, :, :20]
    crop = RandomResizedCrop(size=16)
    drawn = crop.sample_parameters(tuple(wide.shape), generator(3))
    box = [int(drawn[name][5]) for name in ("top", "left", "height", "width")]
    theirs = functional.resized_crop(wide[5], *box, [16, 16], antialias=True)
    torch.testing.assert_close(crop.apply(wide, drawn)[5], theirs, atol=1e-5, rtol=0)


def test_a_box_that_never_fits_falls_back_to_the_central_one():
    crop = RandomResizedCrop(scale=(1.0, 1.0), ratio=(2.0, 2.0))
    drawn = crop.sample_parameters((4, 3, 30, 30), generator())
    # torchvision: too narrow for the ratio, so full width, height = width / ratio, centred
    assert [drawn[name].tolist() for name in ("top", "left", "height", "width")] == [
        [7] * 4,
        [0] * 4,
        [15] * 4,
        [30] * 4,
    ]


def test_resize(images):
    theirs = functional.resize(images, [20, 20], antialias=True)
    torch.testing.assert_close(Resize(size=20).apply(images, {}), theirs, atol=1e-6, rtol=0)


def test_flip(images):
    chosen = torch.arange(len(images)) % 2 == 0
    ours = HorizontalFlip().apply(images, {"flip": chosen})
    assert torch.equal(ours[::2], functional.horizontal_flip(images[::2]))
    assert torch.equal(ours[1::2], images[1::2])


def test_shift_is_a_crop_of_the_padded_image(images):
    shift = Shift(pixels=4, fill=(0.2, 0.4, 0.6))
    drawn = shift.sample_parameters(tuple(images.shape), generator())
    ours = shift.apply(images, drawn)
    for k, image in enumerate(images):
        padded = torch.stack(
            [
                functional.pad(channel[None], [4], fill=fill)[0]
                for channel, fill in zip(image, (0.2, 0.4, 0.6), strict=True)
            ]
        )
        down, right = int(drawn["down"][k]), int(drawn["right"][k])
        theirs = functional.crop(padded, 4 - down, 4 - right, 32, 32)
        torch.testing.assert_close(ours[k], theirs, atol=1e-7, rtol=0)


@pytest.mark.parametrize("height", [32, 20])
def test_affine(images, height):
    images = images[:, :, :height]
    turn = Affine(degrees=30, scale=(0.8, 1.2), shear=0.2, translate=3.0)
    drawn = turn.sample_parameters(tuple(images.shape), generator())
    ours = turn.apply(images, drawn)
    for k, image in enumerate(images):
        theirs = functional.affine(
            image,
            angle=float(drawn["angle"][k]),
            translate=[float(drawn["right"][k]), float(drawn["down"][k])],
            scale=float(drawn["scale"][k]),
            shear=[math.degrees(math.atan(float(drawn["shear"][k]))), 0.0],
            interpolation=Mode.BILINEAR,
        )
        torch.testing.assert_close(ours[k], theirs, atol=1e-4, rtol=0)


def jitter_by_torchvision(image, drawn, k):
    steps = [
        lambda x: functional.adjust_brightness(x, float(drawn["brightness"][k])),
        lambda x: functional.adjust_contrast(x, float(drawn["contrast"][k])),
        lambda x: functional.adjust_saturation(x, float(drawn["saturation"][k])),
        lambda x: functional.adjust_hue(x, float(drawn["hue"][k])),
    ]
    for step in drawn["order"][k].tolist():
        image = steps[step](image)
    return image


def test_colour_jitter_in_every_order(images):
    images = torch.cat((images, images.flip(0)))
    jitter = ColourJitter(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, p=0.8)
    drawn = jitter.sample_parameters(tuple(images.shape), generator())
    assert len(drawn["order"].unique(dim=0)) > 15
    ours = jitter.apply(images, drawn)
    for k, image in enumerate(images):
        theirs = jitter_by_torchvision(image, drawn, k) if drawn["chosen"][k] else image
        torch.testing.assert_close(ours[k], theirs, atol=2e-5, rtol=0)


def test_jitter_of_grey_images_leaves_saturation_and_hue_out(images):
    grey = images[:, :1]
    jitter = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    drawn = jitter.sample_parameters(tuple(grey.shape), generator())
    ours = jitter.apply(grey, drawn)
    for k, image in enumerate(grey):
        for step in drawn["order"][k].tolist():
            if step == 0:
                image = functional.adjust_brightness(image, float(drawn["brightness"][k]))
            if step == 1:
                image = functional.adjust_contrast(image, float(drawn["contrast"][k]))
        torch.testing.assert_close(ours[k], image, atol=1e-5, rtol=0)


@given(
    colour=st.tuples(*[st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])] * 3),
    turns=st.sampled_from([-0.5, -0.3, -0.1, 0.0, 0.05, 1 / 6, 0.25, 1 / 3, 0.5]),
)
@settings(max_examples=80, deadline=None)
def test_hue_at_ties_and_corners(colour, turns):
    image = torch.tensor(colour).view(1, 3, 1, 1)
    ours = shift_hue(image, torch.tensor([turns]))
    theirs = functional.adjust_hue(image, turns)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_hue_keeps_value_and_chroma_and_full_turns_change_nothing(images):
    turned = shift_hue(images, torch.full((len(images),), 0.37))
    torch.testing.assert_close(turned.amax(1), images.amax(1))
    torch.testing.assert_close(turned.amin(1), images.amin(1))
    whole = shift_hue(images, torch.ones(len(images)))
    torch.testing.assert_close(whole, images, atol=1e-5, rtol=0)


def test_grayscale(images):
    chosen = torch.arange(len(images)) % 3 == 0
    ours = Grayscale().apply(images, {"chosen": chosen})
    theirs = functional.rgb_to_grayscale(images[chosen], num_output_channels=3)
    torch.testing.assert_close(ours[chosen], theirs, atol=1e-6, rtol=0)
    assert torch.equal(ours[~chosen], images[~chosen])


def test_solarise(images):
    exact = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    for batch in (images, exact):
        ours = Solarise().apply(batch, {"chosen": torch.ones(len(batch), dtype=torch.bool)})
        theirs = functional.solarize(batch, 128 / 255)
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("taps", [3, 7, 23])
@pytest.mark.parametrize("height", [32, 24])
def test_gaussian_blur(images, taps, height):
    images = images[:, :, :height]
    blur = GaussianBlur(p=0.5, kernel_size=taps)
    drawn = blur.sample_parameters(tuple(images.shape), generator())
    ours = blur.apply(images, drawn)
    assert 0 < int(drawn["chosen"].sum()) < len(images)
    for k, image in enumerate(images):
        theirs = functional.gaussian_blur(image, [taps, taps], [float(drawn["sigma"][k])])
        theirs = theirs if drawn["chosen"][k] else image
        torch.testing.assert_close(ours[k], theirs, atol=1e-5, rtol=0)


def test_blur_takes_a_tenth_of_the_height(images):
    parameters = {"chosen": torch.tensor([True]), "sigma": torch.tensor([2.0])}
    large = torch.rand(1, 1, 128, 128, generator=generator())
    ours = GaussianBlur().apply(large, parameters)
    theirs = functional.gaussian_blur(large, [13, 13], [2.0])
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="more than 11 pixels"):
        GaussianBlur(kernel_size=23).apply(torch.rand(1, 1, 8, 8), parameters)


@pytest.mark.parametrize("operation", [Erase(p=0.7, fill=0.3), Cutout(size=5, p=0.7, fill=0.3)])
def test_erase_and_cutout(images, operation):
    drawn = operation.sample_parameters(tuple(images.shape), generator())
    ours = operation.apply(images, drawn)
    assert 0 < int((drawn["height"] > 0).sum()) < len(images)
    for k, image in enumerate(images):
        i, j, h, w = (int(drawn[n][k]) for n in ("top", "left", "height", "width"))
        theirs = functional.erase(image, i, j, h, w, torch.tensor(0.3))
        torch.testing.assert_close(ours[k], theirs, atol=1e-7, rtol=0)


def test_a_box_as_large_as_the_image_is_never_erased(images):
    erase = Erase(p=1.0, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    drawn = erase.sample_parameters(tuple(images.shape), generator())
    assert torch.equal(erase.apply(images, drawn), images)


def test_normalise(images):
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    theirs = functional.normalize(images, list(mean), list(std))
    ours = Normalise(mean=mean, std=std).apply(images, {})
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "operation",
    [
        RandomResizedCrop(flip=0.5),
        RandomResizedCrop(interpolation="bicubic"),
        HorizontalFlip(),
        Shift(pixels=3),
        Affine(degrees=20),
        ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
        Grayscale(p=0.5),
        Solarise(p=0.5),
        GaussianBlur(p=0.5),
        Erase(p=0.5),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_images_stay_as_they_were_and_results_in_range(images, operation):
    before = images.clone()
    drawn = operation.sample_parameters(tuple(images.shape), generator())
    result = operation.apply(images, drawn)
    assert torch.equal(images, before)
    assert float(result.min()) >= 0
    assert float(result.max()) <= 1 + 1e-6
    double = operation.apply(images.double(), drawn)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), result, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomResizedCrop(scale=(0.5, 0.2)), "scale must satisfy"),
        (lambda: RandomResizedCrop(interpolation="nearest"), "'bilinear' or 'bicubic'"),
        (lambda: ColourJitter(hue=0.6), "hue in"),
        (lambda: GaussianBlur(kernel_size=4), "odd and positive"),
        (lambda: GaussianBlur(sigma=(0.0, 1.0)), "sigma must be positive"),
        (lambda: Normalise(mean=(0.5,), std=(0.0,)), "std > 0"),
    ],
)
def test_impossible_settings_say_so(make, message):
    with pytest.raises(InputError, match=message):
        make()
