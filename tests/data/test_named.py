"""The data sets that have a name."""

import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn import datasets

from ssl_lib.data import load
from ssl_lib.data.shapes import BACKGROUNDS, RANGES, SHAPES, TEXTURES, draw, sample_factors
from ssl_lib.errors import InputError
from ssl_lib.vision import torchvision

DATA = Path(os.environ.get("SSL_LIB_DATA", "/nonexistent"))


def test_digits_are_all_there_once_and_exact():
    train, test, everything = (load("digits", split=s) for s in ("train", "test", "all"))
    assert (len(train), len(test)) == (1297, 500)
    assert float((test.counts() - everything.counts() * 500 / 1797).abs().max()) < 1
    exact = torch.from_numpy(datasets.load_digits().images)
    assert torch.equal((everything.images[:, 0].double() * 16 / 255).round(), exact)
    rows = {image.numpy().tobytes() for image in torch.cat((train.images, test.images))}
    assert rows == {image.numpy().tobytes() for image in everything.images}


def test_the_digits_split_never_changes():
    # A recorded value: every committed number on digits depends on it.
    test = load("digits", split="test")
    assert test.labels[:12].tolist() == [0, 4, 0, 4, 1, 2, 6, 7, 0, 5, 6, 5]
    assert test.fingerprint[:16] == "0fcd8ef96059f5cd"


def test_digits_at_another_size():
    assert load("digits", size=16).shape == (1, 16, 16)


def factors_of(n=64, **fixed):
    return sample_factors(n, torch.Generator().manual_seed(0), fixed=fixed)


def test_shapes_are_the_same_for_the_same_seed_and_differ_by_split():
    first, again = load("shapes", n=50, seed=3), load("shapes", n=50, seed=3)
    assert torch.equal(first.images, again.images)
    assert first.fingerprint == again.fingerprint
    assert first.factors.equals(again.factors)
    assert not torch.equal(first.images, load("shapes", n=50, seed=4).images)
    assert not torch.equal(first.images, load("shapes", n=50, seed=3, split="test").images)


def test_classes_are_balanced_and_labels_name_the_shape():
    data = load("shapes", n=80, size=16)
    assert data.counts().tolist() == [10] * 8
    assert [data.class_names[k] for k in data.labels.tolist()] == data.factors["shape"].tolist()


def test_factors_lie_in_their_ranges():
    table = factors_of(2000)
    for name, (low, high) in RANGES.items():
        assert low <= table[name].min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < table[name].max() <= high
    assert set(table["texture"]) == set(TEXTURES)
    assert set(table["background"]) == set(BACKGROUNDS)
    correlation = table[list(RANGES)].corr().to_numpy() - np.eye(len(RANGES))
    assert np.abs(correlation).max() < 0.1


def plain(shape="circle", **changes):
    base = {
        "shape": shape,
        "x": 0.0,
        "y": 0.0,
        "scale": 0.5,
        "rotation": 0.0,
        "hue": 0.0,
        "brightness": 1.0,
        "occlusion": 0.0,
        "occlusion_angle": 0.0,
        "background_hue": 0.5,
        "background": "plain",
        "texture": "plain",
    }
    return factors_of(1, **{**base, **changes})


def mask(table, size=64):
    """Where the red shape is, as coverage in [0, 1], on the cyan ground."""
    image = draw(table, size=size)[0].double()
    red = image[0]
    return (red - red.min()) / (red.max() - red.min())


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_circle_has_its_area_at_every_size(size):
    covered = float(mask(plain(), size).mean()) * 4
    assert covered == pytest.approx(np.pi * (0.9 * 0.5) ** 2, rel=0.02)


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ("square", 1.5**2),
        ("triangle", 3 * np.sqrt(3) / 4),
        ("pentagon", 2.5 * np.sin(2 * np.pi / 5)),
        ("star", 5 * 0.45 * np.sin(np.pi / 5)),
        ("cross", 2 * 1.9 * 0.6 - 0.6**2),
        ("ring", np.pi * (0.95**2 - 0.45**2)),
    ],
)
def test_shapes_have_their_areas(shape, area):
    assert float(mask(plain(shape)).mean()) * 4 == pytest.approx(area * 0.25, rel=0.03)


def test_position_moves_the_centre_of_mass():
    covered = mask(plain(x=0.3, y=-0.2))
    axis = (torch.arange(64) + 0.5) / 32 - 1
    assert float((covered * axis).sum() / covered.sum()) == pytest.approx(0.3, abs=0.01)
    assert float((covered * axis[:, None]).sum() / covered.sum()) == pytest.approx(-0.2, abs=0.01)


def test_rotation_turns_a_cross_onto_itself_and_clockwise():
    quarter = mask(plain("cross", rotation=90.0))
    assert float((quarter - mask(plain("cross"))).abs().max()) < 0.02
    up, right = mask(plain("triangle")), mask(plain("triangle", rotation=90.0))
    torch.testing.assert_close(right, torch.rot90(up, -1), atol=0.02, rtol=0)


def test_colour_brightness_and_occlusion_do_what_they_say():
    green = draw(plain(hue=1 / 3))[0, :, 16, 16]
    assert green.tolist() == [38, 255, 38]
    half = draw(plain(brightness=0.5))[0].double()
    full = draw(plain())[0].double()
    assert float((half - full / 2).abs().max()) <= 0.5
    hidden = draw(plain(occlusion=0.5), size=64)[0]
    grey = (hidden.float() - 127.5).abs().amax(0) < 2
    left, right = grey[24:40, 16:31], grey[24:40, 33:48]
    assert bool(right.all())
    assert not bool(left.any())
    from_below = draw(plain(occlusion=0.5, occlusion_angle=90.0), size=64)[0]
    assert (from_below[:, 45, 32].float() - 127.5).abs().max() < 2


def test_every_category_looks_different():
    for name, known in (("shape", SHAPES), ("texture", TEXTURES), ("background", BACKGROUNDS)):
        images = [draw(plain(**{name: value})) for value in known]
        for k, image in enumerate(images):
            assert all(not torch.equal(image, other) for other in images[:k]), (name, k)


def test_fixed_factors_leave_the_others_alone():
    free, fixed = factors_of(20), factors_of(20, rotation=0.0, texture="dots")
    assert set(fixed["rotation"]) == {0.0}
    assert set(fixed["texture"]) == {"dots"}
    others = [name for name in free if name not in ("rotation", "texture")]
    assert free[others].equals(fixed[others])


def test_shapes_say_what_is_wrong():
    with pytest.raises(InputError, match="no factor 'colour'"):
        factors_of(colour=1)
    with pytest.raises(InputError, match=r"unknown texture 'stripe'\. Did you mean 'stripes'"):
        factors_of(texture="stripe")
    with pytest.raises(InputError, match="lacks hue"):
        draw(factors_of().drop(columns="hue"))
    with pytest.raises(InputError, match="at least 8 pixels"):
        draw(factors_of(), size=4)
    with pytest.raises(InputError, match="no split 'valid'"):
        load("shapes", split="valid")
    with pytest.raises(InputError, match="n must be positive"):
        load("shapes", n=0)


def jpeg(seed, size=32):
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="jpeg")
    return stream.getvalue()


def write(path, n, names, size=32, column="image"):
    cells = [{"bytes": jpeg(k, size), "path": f"{k}.jpg"} for k in range(n)]
    note = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pa.table({column: cells, "label": [k % len(names) for k in range(n)]})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(note)}), path)


@pytest.mark.parametrize("column", ["image", "img"])
def test_cifar_in_parquet_says_that_it_is_a_copy(tmp_path, monkeypatch, column):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    write(tmp_path / "cifar10" / "test.parquet", 20, ["cat", "dog"], column=column)
    data = load("cifar10", split="test")
    assert data.name == "cifar10/test"
    assert data.source == "CIFAR-10 test, 20 images (JPEG copies, not the original pixels)"
    assert data.class_names == ("cat", "dog")


def test_original_cifar_files_come_first(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    write(tmp_path / "cifar10" / "test.parquet", 20, ["cat", "dog"])
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3072), dtype=np.uint8)
    for name in ("test_batch", *(f"data_batch_{k}" for k in range(1, 6))):
        content = {"data": pixels, "labels": [3, 1, 4, 1, 5]}
        (folder / name).write_bytes(pickle.dumps(content))
    names = ["a", "b", "c", "d", "e", "f"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    readers = torchvision("datasets.cifar")
    monkeypatch.setattr(readers, "check_integrity", lambda *args: True)
    data = load("cifar10", split="test")
    assert torch.equal(data.images, torch.from_numpy(pixels).view(5, 3, 32, 32))
    assert data.labels.tolist() == [3, 1, 4, 1, 5]
    assert data.source == "CIFAR-10 test, 5 images"
    assert len(load("cifar10", size=16)) == 25


def test_tiny_imagenet_takes_the_shards_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    folder, wnids = tmp_path / "tiny-imagenet", ["n01", "n02", "n03"]
    for k in (0, 2):
        write(folder / f"train-0000{k}-of-00004.parquet", 6, wnids, size=16)
    write(folder / "valid.parquet", 3, wnids, size=16)
    words = {"n01": "crane, bird", "n02": "crane, machine", "n03": "goldfish"}
    (folder / "words.json").write_text(json.dumps(words))
    train = load("tiny-imagenet")
    assert train.source == "TinyImageNet train, 12 images (2 of 4 shards)"
    assert train.class_names == ("crane (n01)", "crane (n02)", "goldfish")
    for split in ("valid", "test"):
        assert load("tiny-imagenet", split=split).source == f"TinyImageNet {split}, 3 images"
    (folder / "words.json").write_text("[")
    with pytest.raises(InputError, match=r"words\.json is not a JSON object"):
        load("tiny-imagenet")


@pytest.mark.skipif(
    not (DATA / "cifar10" / "test.parquet").is_file(), reason="SSL_LIB_DATA has no cifar10"
)
def test_the_real_cifar10():
    data = load("cifar10", split="test")
    assert data.shape == (3, 32, 32)
    assert data.counts().tolist() == [1000] * 10
    assert data.class_names[3] == "cat"


@pytest.mark.skipif(
    not (DATA / "tiny-imagenet" / "valid.parquet").is_file(),
    reason="SSL_LIB_DATA has no tiny-imagenet",
)
def test_the_real_tiny_imagenet():
    data = load("tiny-imagenet", split="valid")
    assert data.shape == (3, 64, 64)
    assert data.counts().tolist() == [50] * 200
    assert data.class_names[0] == "goldfish"
