"""Data sets without labels: where they come from, and what needs labels says so."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from ssl_lib.data import ImageData, fingerprint, load
from ssl_lib.data.channels import channel_statistics
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.evaluation.features import evaluate_encoder
from ssl_lib.methods import build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many
from ssl_lib.training.runs import specify


def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)


def write_parquet(path, columns):
    cells = []
    for value in range(4):
        save(path.parent / "one.png", value)
        cells.append({"bytes": (path.parent / "one.png").read_bytes(), "path": None})
    pq.write_table(pa.table({"image": cells, **columns}), path)
    return path


def made(n=10):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return ImageData(images, name="photos")


def test_a_flat_folder_has_no_labels(tmp_path):
    for value in (2, 0, 1):
        save(tmp_path / "flat" / f"{value}.png", value)
    (tmp_path / "flat" / "notes").mkdir()
    data = load(tmp_path / "flat")
    assert repr(data) == "ImageData('flat', 3 images of 3 x 8 x 8, no labels, cpu)"
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert (data.has_labels, data.n_classes, data.class_names) == (False, 0, ())


def test_images_beside_folders_are_read_and_said(tmp_path):
    save(tmp_path / "cat" / "0.png", 1)
    save(tmp_path / "dog" / "2020" / "0.png", 2)
    save(tmp_path / "z.png", 3)
    with pytest.warns(UserWarning, match=r"'z\.png' \(one of 1\) lies beside folders .* 'cat'"):
        data = load(tmp_path)
    assert data.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert not data.has_labels


def test_parquet_without_a_column_of_labels(tmp_path):
    data = load(write_parquet(tmp_path / "a.parquet", {"kind": [0, 1, 0, 1]}))
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match=r"'a' has none \(4 images .* columns are image, kind\)"):
        data.counts()
    chosen = load(tmp_path / "a.parquet", label_column="kind")
    assert chosen.labels.tolist() == [0, 1, 0, 1]
    assert chosen.fingerprint != data.fingerprint
    with pytest.raises(InputError, match="has no labels, but class_names are given"):
        load(tmp_path / "a.parquet", class_names=["x", "y"])


def test_labels_of_minus_one_are_none(tmp_path):
    assert not load(write_parquet(tmp_path / "a.parquet", {"label": [-1] * 4})).has_labels
    with pytest.raises(InputError, match=r"row 1 of .* label -1; labels go from 0, with -1 only"):
        load(write_parquet(tmp_path / "b.parquet", {"label": [0, -1, 1, 1]}))


def test_everything_but_labels_works():
    data = made()
    some = data.subset([3, 1]).to("cpu").resized(4)
    assert (len(some), some.shape, some.has_labels) == (2, (1, 4, 4), False)
    images, labels, index = next(data.batches(None, 4))
    assert labels is None
    assert torch.equal(images, data.images[index])
    assert data.fingerprint == fingerprint(data.images)
    labelled = dataclasses.replace(data, labels=torch.zeros(10).long(), class_names=("a",))
    assert labelled.counts().tolist() == [10]


def test_what_needs_labels_says_so():
    data = made()
    with pytest.raises(InputError, match="this needs labels, and 'photos' has none"):
        _ = data.labels
    with pytest.raises(InputError, match="the method 'supervised' needs labels, and 'photos'"):
        specify(method="supervised", data=data, encoder="mlp")
    with pytest.raises(InputError, match="a probe needs labels, and 'photos' has none"):
        evaluate_encoder(torch.nn.Flatten(), load("digits"), data)
    with pytest.raises(InputError, match="2 class names, but no labels"):
        ImageData(data.images, None, ("a", "b"))


def method(seed=0):
    encoder = build_encoder("mlp", in_channels=1, image_size=8, seed=seed)
    return build_method("simclr", encoder, seed=seed)


def trained(data, many, batch_size=64):
    config = TrainingConfig(epochs=1, batch_size=batch_size)
    views, digits = policy("digits", size=8), data.subset(slice(0, 192))
    if many:
        return pretrain_many(
            [method(0), method(1)], digits, policy=views, config=config, progress=False
        )[0]["losses"]
    return pretrain(method(), digits, policy=views, config=config, progress=False).history[0][
        "loss"
    ]


@pytest.mark.parametrize("many", [False, True])
def test_labels_play_no_part_in_training_without_them(many):
    digits = load("digits")
    assert trained(ImageData(digits.images, name="digits"), many) == trained(digits, many)


def test_a_constant_channel_is_named():
    images = torch.arange(96, dtype=torch.uint8).reshape(2, 3, 4, 4)
    images[:, 2] = 7
    with pytest.raises(InputError, match=r"channel 2 of 'photos' .* is 7 in every pixel"):
        channel_statistics(ImageData(images, name="photos"))
    images[1, 2, 3, 3] = 8
    mean, std = channel_statistics(ImageData(images, name="photos"))
    assert mean[2] * 255 == pytest.approx(7 + 1 / 32)
    assert std[2] * 255 == pytest.approx((1 / 32 * 31 / 32) ** 0.5)


@pytest.mark.parametrize("many", [False, True])
def test_a_batch_of_one_image_is_explained(many):
    with pytest.raises(InputError, match=r"a batch_size of 1 in 1 part\(s\) gives it 1: use"):
        trained(made(), many, batch_size=1)
