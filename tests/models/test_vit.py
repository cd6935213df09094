"""The vision transformer: patch dropping and other image sizes."""

import pytest
import torch

from ssl_lib.errors import InputError
from ssl_lib.models import ViT, random_keep, seeded


@pytest.fixture
def vit():
    with seeded(0):
        return ViT(1, 8, patch_size=2, dim=16, depth=2, heads=2).double()


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, 8, 8, generator=generator, dtype=torch.float64)


def test_keeping_all_patches_in_any_order_changes_nothing(vit, images):
    order = torch.randperm(16, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(vit(images, order), vit(images))


def test_dropped_patches_do_not_matter_and_kept_ones_do(vit, images):
    keep = torch.tensor([0, 5, 6, 15])
    changed = images.clone()
    changed[:, :, 0:2, 2:4] += 1  # patch 1, dropped
    torch.testing.assert_close(vit(changed, keep), vit(images, keep))
    changed[:, :, 6:8, 6:8] += 1  # patch 15, kept
    assert not torch.allclose(vit(changed, keep), vit(images, keep))


def test_patches_may_differ_between_images(vit, images):
    keep = torch.tensor([[0, 1], [2, 3], [14, 15]])
    together = vit(images, keep)
    alone = torch.cat([vit(images[k : k + 1], keep[k]) for k in range(3)])
    torch.testing.assert_close(together, alone)


def test_smaller_crops_use_interpolated_positions(vit, images):
    assert vit(images[:, :, :4, :4]).shape == (3, 16)
    class_position, positions = vit._positions(4, 4)
    torch.testing.assert_close(positions, vit.positions[:, 1:])
    torch.testing.assert_close(class_position, vit.positions[:, :1])
    constant = torch.ones_like(vit.positions[:, 1:])
    vit.positions.data[:, 1:] = constant
    torch.testing.assert_close(vit._positions(2, 2)[1], constant[:, :4])


def test_random_keep_draws_each_patch_alike():
    generator = torch.Generator().manual_seed(0)
    draws = [random_keep(20, drop=0.15, generator=generator) for _ in range(2000)]
    assert {len(keep) for keep in draws} == {17}
    assert all(len(set(keep.tolist())) == 17 and bool((keep.diff() > 0).all()) for keep in draws)
    share = torch.cat(draws).bincount(minlength=20) / 2000
    # Five standard deviations of a binomial share.
    assert bool((share - 0.85).abs().max() < 5 * (0.85 * 0.15 / 2000) ** 0.5)


@pytest.mark.parametrize("drop", [-0.1, 1.0])
def test_random_keep_names_a_wrong_fraction(drop):
    with pytest.raises(InputError, match=r"must lie in \[0, 1\)"):
        random_keep(4, drop=drop, generator=torch.Generator())
