"""The in-memory data set and its batches."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.data import ImageData, fingerprint, load, normalise, normaliser, statistics
from ssl_lib.errors import InputError


def make(n=10, classes=3):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, 4, 4), dtype=torch.uint8, generator=generator)
    return ImageData(images, torch.arange(n) % classes, tuple("abc"[:classes]), name="made")


@given(n=st.integers(1, 40), batch_size=st.integers(1, 12), drop_last=st.booleans())
@settings(max_examples=40, deadline=None)
def test_an_epoch_sees_every_index_at_most_once(n, batch_size, drop_last):
    data = make(n)
    if drop_last and n < batch_size:
        with pytest.raises(InputError, match="exceeds"):
            data.batches(torch.Generator(), batch_size, drop_last)
        return
    seen = []
    for images, labels, index in data.batches(torch.Generator(), batch_size, drop_last):
        assert torch.equal(images, data.images[index])
        assert torch.equal(labels, data.labels[index])
        assert len(index) == batch_size or not drop_last
        seen += index.tolist()
    assert len(seen) == len(set(seen)) == (n // batch_size * batch_size if drop_last else n)


def test_order_comes_from_the_generator():
    def epoch(seed):
        order = data.batches(torch.Generator().manual_seed(seed), 5)
        return torch.cat([batch.index for batch in order]).tolist()

    data = make(20)
    assert epoch(1) == epoch(1) != epoch(2)
    in_order = [batch.index.tolist() for batch in data.batches(None, 8, drop_last=False)]
    assert in_order == [list(range(8)), list(range(8, 16)), list(range(16, 20))]


def test_a_wrong_batch_size_is_refused_before_the_first_batch():
    with pytest.raises(InputError, match="batch_size must be positive"):
        make().batches(None, 0)


def test_subsets_have_positions_and_fingerprints_of_their_own():
    data = make()
    some = data.subset([3, 1])
    assert torch.equal(some.images, data.images[[3, 1]])
    assert some.fingerprint != data.fingerprint
    assert some.fingerprint == data.subset(torch.tensor([3, 1])).fingerprint
    assert some.fingerprint != data.subset([1, 3]).fingerprint
    assert len(data.subset(data.labels == 0)) == 4
    assert len(data.subset(slice(2, 7))) == 5
    assert next(iter(some.batches(None, 2))).index.tolist() == [0, 1]
    with pytest.raises(InputError, match="beyond the 10 images"):
        data.subset([10])
    with pytest.raises(InputError, match="3 bools do not select"):
        data.subset([True, False, True])


@pytest.mark.parametrize(
    "index",
    [
        [1.7, 2.2],
        torch.ones(10),
        torch.ones(10, dtype=torch.uint8),
        np.ones(10, dtype=np.uint8),
        torch.tensor([[0, 1], [2, 3]]),
    ],
)
def test_what_is_neither_positions_nor_bools_is_refused(index):
    with pytest.raises(InputError, match="selected by int64 positions or by bools"):
        make().subset(index)


def test_positions_of_all_kinds():
    data = make()
    for index in ([-1, 0], np.array([9, 0], dtype=np.int32), torch.tensor([9, 0])):
        assert torch.equal(data.subset(index).images, data.images[[9, 0]])
    assert torch.equal(data.subset(slice(None, None, -3)).images, data.images[[9, 6, 3, 0]])
    assert len(data.subset([])) == len(data.subset(np.zeros(10, bool))) == 0


def test_factors_follow_their_images():
    data = load("shapes", n=40, size=16)
    some = data.subset([5, 30, 2])
    assert some.factors["hue"].tolist() == data.factors["hue"].iloc[[5, 30, 2]].tolist()
    with pytest.raises(InputError, match="rows of factors"):
        ImageData(data.images[:5], data.labels[:5], data.class_names, factors=data.factors)


def test_fingerprints_see_bytes_types_and_shapes():
    a = torch.arange(4)
    assert fingerprint(a) == fingerprint(a.clone())
    assert fingerprint(a) != fingerprint(a.int())
    assert fingerprint(a) != fingerprint(a.view(2, 2))
    assert fingerprint(a) != fingerprint(a.flip(0))
    assert fingerprint(a.view(2, 2).T) == fingerprint(torch.tensor([[0, 2], [1, 3]]))
    assert fingerprint(torch.zeros(0)) != fingerprint()


def test_parts_that_do_not_fit_are_refused():
    images, labels = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.arange(3)
    for bad_images, bad_labels, names, message in (
        (images.float(), labels, "abc", "must be uint8"),
        (images[0], labels, "abc", "must be uint8"),
        (images, labels[:2], "abc", "must be int64"),
        (images, labels.int(), "abc", "must be int64"),
        (images, labels, "ab", "labels 0 to 2 do not fit"),
        (images, labels - 1, "abc", "labels -1 to 1 do not fit"),
    ):
        with pytest.raises(InputError, match=message):
            ImageData(bad_images, bad_labels, tuple(names))


def test_mean_and_std_agree_with_all_pixels_at_once():
    data = make(50)
    mean, std = data.mean_std()
    pixels = data.images.double().div(255)
    torch.testing.assert_close(torch.tensor(mean), pixels.mean((0, 2, 3)).float())
    expected = pixels.std((0, 2, 3), correction=0).float()
    torch.testing.assert_close(torch.tensor(std), expected)


def test_mean_and_std_are_of_exact_sums():
    # In floating point the last digit followed the number of threads, and a resumed run its spec.
    data = make(5000)
    values = data.images.permute(1, 0, 2, 3).flatten(1).tolist()
    mean, std = data.mean_std()
    for channel, found, spread in zip(values, mean, std, strict=True):
        n, total, squares = len(channel), sum(channel), sum(value**2 for value in channel)
        assert found == total / (255 * n)
        variance = Fraction(squares, n) - Fraction(total, n) ** 2
        assert spread == pytest.approx(math.sqrt(variance) / 255, rel=1e-14)
    flat = ImageData(torch.full((3, 2, 4, 4), 77, dtype=torch.uint8), torch.zeros(3).long(), ("a",))
    assert flat.mean_std() == ((77 / 255, 77 / 255), (0.0, 0.0))


def test_recorded_statistics_of_digits_are_those_of_the_training_split():
    mean, std = load("digits").mean_std()
    recorded = statistics("digits/train")
    assert abs(mean[0] - recorded.mean[0]) < 5e-5
    assert abs(std[0] - recorded.std[0]) < 5e-5
    normalised = normalise(load("digits").images, "digits")
    assert abs(float(normalised.mean())) < 1e-3
    assert normaliser("cifar10").std == (0.2470, 0.2435, 0.2616)
    with pytest.raises(InputError, match="mean_std"):
        statistics("shapes")


def test_resizing_keeps_the_picture():
    data = load("digits", split="test")
    large = data.resized(16)
    assert large.shape == (1, 16, 16)
    assert large.fingerprint != data.fingerprint
    back = torch.nn.functional.avg_pool2d(large.floats(), 2)
    assert float((back - data.floats()).abs().mean()) < 0.05
    assert data.resized(8) is data


def test_moving_to_the_same_device_copies_nothing():
    data = make()
    assert data.to("cpu") is data
