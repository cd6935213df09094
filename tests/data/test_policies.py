"""Recipes: their tables, their views, their streams."""

import pytest
import torch

from ssl_lib.data import load
from ssl_lib.data.views import (
    POLICIES,
    ColourJitter,
    GaussianBlur,
    Grayscale,
    Noise,
    Normalise,
    Policy,
    RandomResizedCrop,
    Solarise,
    policy,
    take,
    two_views,
    views,
)
from ssl_lib.errors import InputError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def step(recipe, kind):
    found = [operation for operation in recipe if isinstance(operation, kind)]
    return found[0] if found else None


def table(recipe):
    """Crop scale, jitter, p of jitter, grey, blur and solarise, as the papers' tables have them."""
    jitter = step(recipe, ColourJitter)
    strengths = (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
    return (
        step(recipe, RandomResizedCrop).scale,
        tuple(round(s, 6) for s in strengths),
        jitter.p,
        step(recipe, Grayscale).p,
        getattr(step(recipe, GaussianBlur), "p", 0.0),
        getattr(step(recipe, Solarise), "p", 0.0),
    )


STRONG, MEDIUM, BYOL = (0.8, 0.8, 0.8, 0.2), (0.4, 0.4, 0.4, 0.1), (0.4, 0.4, 0.2, 0.1)


@pytest.mark.parametrize(
    ("name", "size", "view", "expected"),
    [
        ("simclr", 224, 0, ((0.08, 1.0), STRONG, 0.8, 0.2, 0.5, 0.0)),
        ("simclr", 32, 1, ((0.08, 1.0), MEDIUM, 0.8, 0.2, 0.0, 0.0)),
        ("byol", 224, 0, ((0.08, 1.0), BYOL, 0.8, 0.2, 1.0, 0.0)),
        ("byol", 224, 1, ((0.08, 1.0), BYOL, 0.8, 0.2, 0.1, 0.2)),
        ("byol", 32, 0, ((0.08, 1.0), BYOL, 0.8, 0.2, 0.0, 0.0)),
        ("barlow", 32, 1, ((0.08, 1.0), BYOL, 0.8, 0.2, 0.0, 0.2)),
        ("vicreg", 32, 0, ((0.2, 1.0), BYOL, 0.8, 0.2, 0.0, 0.1)),
        ("vicreg", 224, 1, ((0.2, 1.0), BYOL, 0.8, 0.2, 0.5, 0.1)),
        ("swav", 224, 0, ((0.14, 1.0), STRONG, 0.8, 0.2, 0.5, 0.0)),
        ("swav", 224, 7, ((0.05, 0.14), STRONG, 0.8, 0.2, 0.5, 0.0)),
        ("swav", 32, 1, ((0.2, 1.0), (0.6, 0.6, 0.6, 0.2), 0.8, 0.2, 0.0, 0.2)),
        ("swav", 32, 2, ((0.08, 0.5), STRONG, 0.8, 0.2, 0.1, 0.1)),
        ("dino", 224, 0, ((0.4, 1.0), BYOL, 0.8, 0.2, 1.0, 0.0)),
        ("dino", 224, 1, ((0.4, 1.0), BYOL, 0.8, 0.2, 0.1, 0.2)),
        ("dino", 224, 9, ((0.05, 0.4), BYOL, 0.8, 0.2, 0.5, 0.0)),
        ("msn", 224, 1, ((0.3, 1.0), MEDIUM, 0.8, 0.2, 0.5, 0.0)),
        ("msn", 224, 11, ((0.05, 0.3), MEDIUM, 0.8, 0.2, 0.5, 0.0)),
        ("issl", 64, 0, ((0.2, 1.0), MEDIUM, 0.8, 0.1, 0.0, 0.0)),
    ],
)
def test_recipes_are_those_of_the_papers(name, size, view, expected):
    assert table(policy(name, size=size).recipes[view]) == expected


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0.25, ((0.8, 1.0), (0.1, 0.1, 0.1, 0.025), 0.8, 0.025, 0.5, 0.0)),
        (2.0, ((0.1, 1.0), (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0)),
    ],
)
def test_issl_strength_scales_crop_jitter_and_grey(strength, expected):
    recipe = policy("issl", size=64, strength=strength, coarse=True).recipes[0]
    assert table(recipe) == expected
    assert step(recipe, GaussianBlur).kernel_size == 7
    cifar = policy("issl", size=32, data="cifar10").recipes[0]
    assert table(cifar)[1] == (0.2, 0.2, 0.2, 0.05)


@pytest.mark.parametrize("name", sorted(POLICIES))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_policy_makes_every_view(name, channels):
    options = {"patch_size": 8} if name == "msn" else {}
    recipe = policy(name, size=32, **options)
    images = torch.randint(256, (6, channels, 32, 32), dtype=torch.uint8, generator=generator())
    made = views(images, generator(), recipe)
    assert len(made) == len(recipe.recipes)
    for k, view in enumerate(made):
        side = 32 if k < recipe.n_global else view.shape[-1]
        assert view.shape == (6, channels, side, side)
        assert view.dtype == torch.float32
        assert view.isfinite().all()
        assert not view.requires_grad
    if len(made) > 1:
        assert not torch.equal(made[0], made[1])


@pytest.mark.parametrize(
    "variant", ["affine", "blocks", "shift", "diet-0", "diet-1", "diet-2", "diet-3", "issl"]
)
def test_digits_recipes_keep_digits_recognisable(variant):
    images = load("digits").images[:300]
    view = two_views(images, generator(), policy("digits", size=8, variant=variant))[0]
    plain = images.float() / 255
    near = torch.cdist(view.flatten(1), plain.flatten(1)).argmin(1)
    # The nearest of 300 originals shares the view's class far more often than chance, 0.1: pixels
    # forgive no shifts, so it is 0.42 to 0.53 for recipes that shift, 0.9 and more for the others.
    labels = load("digits").labels[:300]
    assert float((labels[near] == labels).float().mean()) > 0.3
    assert view.shape == plain.shape


def test_issl_digits_grow_with_strength():
    weak, strong = (
        policy("digits", size=8, variant="issl", strength=s).recipes[0] for s in (0.5, 1.0)
    )
    assert (weak[0].degrees, weak[0].translate, weak[3].p) == (10.0, 0.4, 0.25)
    assert (strong[0].degrees, strong[2].std, strong[3].p) == (20.0, 0.1, 0.5)


def test_local_views_are_small():
    sizes = [v.shape[-1] for v in views(torch.rand(2, 3, 64, 64), generator(), "swav")]
    assert sizes == [64, 64, *(36,) * 6]
    assert [r[0].size for r in policy("msn", size=64, patch_size=8).recipes] == [64, 64, *[24] * 10]


def test_views_come_from_their_generator_alone():
    images = torch.rand(8, 3, 16, 16, generator=generator(5))
    before = torch.random.get_rng_state()
    first = two_views(images, generator(1), "byol")
    again = two_views(images, generator(1), "byol")
    other = two_views(images, generator(2), "byol")
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(before, torch.random.get_rng_state())


def test_bytes_and_floats_make_the_same_views():
    images = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8, generator=generator())
    from_bytes = two_views(images, generator(), "simclr")
    from_floats = two_views(images.float() / 255, generator(), "simclr")
    torch.testing.assert_close(from_bytes, from_floats)


def test_large_batches_go_through_in_parts_with_equal_results(monkeypatch):
    images = torch.rand(70, 3, 16, 16, generator=generator())
    recipe = policy("byol", size=16, blur=(0.5, 0.5)).then(Noise(std=0.1))
    whole = recipe(images, generator())
    monkeypatch.setattr("ssl_lib.data.views.pipeline._CHUNK_BYTES", 1)
    torch.testing.assert_close(recipe(images, generator()), whole)


def test_parameters_can_belong_to_the_index_instead_of_the_batch():
    images = torch.rand(40, 3, 16, 16, generator=generator())
    recipe = policy("simclr", size=16, blur=0.5)
    drawn = recipe.sample(tuple(images.shape), generator())
    whole = recipe.apply(images, drawn)
    order = torch.randperm(40, generator=generator(9))
    for index in order.split(7):
        part = recipe.apply(images[index], take(drawn, index))
        torch.testing.assert_close(part[0], whole[0][index], atol=1e-6, rtol=0)
        torch.testing.assert_close(part[1], whole[1][index], atol=1e-6, rtol=0)


def test_asymmetric_views_are_solarised_as_often_as_stated():
    drawn = policy("byol", size=32).sample((2000, 3, 32, 32), generator())
    assert len(drawn[0]) == 3
    assert abs(float(drawn[1][3]["chosen"].float().mean()) - 0.2) < 0.03


def test_autocast_does_not_round_the_pixels():
    images = torch.rand(8, 3, 32, 32, generator=generator())
    plain = two_views(images, generator(), "vicreg")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = two_views(images, generator(), "vicreg")
    assert inside[0].dtype == torch.float32
    assert all(torch.equal(a, b) for a, b in zip(plain, inside, strict=True))


def test_then_appends_to_every_view():
    images = torch.rand(4, 3, 32, 32, generator=generator())
    plain = policy("weak", size=32)
    normalise = Normalise(mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
    raw, normalised = plain(images, generator()), plain.then(normalise)(images, generator())
    torch.testing.assert_close(normalised[1], normalise.apply(raw[1], {}))


def test_diet_zero_leaves_images_as_they_are():
    images = torch.rand(4, 3, 32, 32, generator=generator())
    (view,) = views(images, generator(), policy("diet", size=32, strength=0))
    assert torch.equal(view, images)


def test_what_cannot_be_says_so():
    images = torch.rand(4, 3, 32, 32)
    with pytest.raises(InputError, match="Did you mean 'simclr'"):
        two_views(images, generator(), "simclear")
    with pytest.raises(InputError, match="makes 8 views, not two"):
        two_views(images, generator(), "swav")
    with pytest.raises(InputError, match=r"shape \(n, c, h, w\)"):
        two_views(images[0], generator(), "simclr")
    with pytest.raises(InputError, match="uint8, or floating"):
        two_views(images.long(), generator(), "simclr")
    with pytest.raises(InputError, match="strength must be 0, 1, 2 or 3"):
        policy("diet", size=32, strength=4)
    with pytest.raises(InputError, match="unexpected keyword argument 'blurr'"):
        policy("simclr", size=32, blurr=0.5)
    with pytest.raises(InputError, match="Did you mean 'affine'"):
        policy("digits", size=8, variant="afine")
    with pytest.raises(InputError, match="do not tile"):
        policy("msn", size=60, patch_size=16)
    with pytest.raises(InputError, match="n_global"):
        Policy(name="none", recipes=(), n_global=1)
    with pytest.raises(InputError, match="2 values for images of 3 channels"):
        Normalise(mean=(0.5, 0.5), std=(0.5, 0.5)).apply(images, {})


def test_a_generator_on_another_device_is_refused():
    class Elsewhere:
        device = torch.device("meta")

    with pytest.raises(InputError, match="pass a CPU generator"):
        two_views(torch.rand(2, 3, 8, 8), Elsewhere(), "simclr")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_gpu_makes_the_same_views_without_waiting(name):
    options = {"patch_size": 8} if name == "msn" else {}
    recipe = policy(name, size=32, **options)
    images = torch.randint(256, (64, 3, 32, 32), dtype=torch.uint8, generator=generator())
    expected = recipe(images, generator())
    resident = images.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        made = recipe(resident, generator())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for ours, theirs in zip(made, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, atol=2e-3, rtol=0)
