"""Fashion-MNIST: IDX files, packed or not, known by their content."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from ssl_lib.data import fashion_mnist, load, statistics
from ssl_lib.errors import InputError, MissingData

DATA = Path(os.environ.get("SSL_LIB_DATA", "/nonexistent"))
IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Twenty images and their labels; the content is taken for the published one."""
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path))
    draw = np.random.default_rng(0)
    arrays = {
        IMAGES: draw.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        LABELS: draw.integers(0, 10, 20, dtype=np.uint8),
    }
    for name, array in arrays.items():
        digest = hashlib.sha256(idx(array)).hexdigest()
        monkeypatch.setitem(fashion_mnist._SHA256, name, digest)
    return arrays


def put(folder, contents, end=""):
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / f"{name}{end}").write_bytes(content)


@pytest.mark.parametrize("place", ["fashion-mnist", "FashionMNIST/raw"])
@pytest.mark.parametrize("level", [None, 1, 9])
def test_files_are_read_packed_or_not_in_either_place(tmp_path, made, place, level):
    contents = {name: idx(array) for name, array in made.items()}
    if level:
        contents = {name: gzip.compress(data, level) for name, data in contents.items()}
    put(tmp_path / place, contents, ".gz" if level else "")
    data = load("fashion-mnist", split="test")
    assert torch.equal(data.images, torch.from_numpy(made[IMAGES])[:, None])
    assert data.labels.tolist() == made[LABELS].tolist()
    assert (data.name, data.source) == ("fashion-mnist/test", "Fashion-MNIST test, 20 images")
    assert data.class_names[9] == "ankle boot"
    assert load("fashion-mnist", split="test", size=14).shape == (1, 14, 14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda packed: packed[:-9], "cannot be unpacked"),
        (lambda packed: b"<html>not found</html>", "cannot be unpacked"),
        (lambda packed: gzip.compress(gzip.decompress(packed)[:-1]), "another content"),
        (lambda packed: gzip.compress(b""), "another content"),
    ],
)
def test_a_file_that_is_not_the_published_one_is_refused(tmp_path, made, change, message):
    contents = {name: gzip.compress(idx(array)) for name, array in made.items()}
    put(tmp_path / "fashion-mnist", contents | {LABELS: change(contents[LABELS])}, ".gz")
    with pytest.raises(MissingData, match=rf"{LABELS} is needed: .*{LABELS}\.gz .*{message}"):
        load("fashion-mnist", split="test")


def test_what_is_missing_is_named_with_all_that_is_needed(tmp_path, made):
    put(tmp_path / "fashion-mnist", {IMAGES: idx(made[IMAGES])})
    with pytest.raises(MissingData) as caught:
        load("fashion-mnist", split="test")
    said = str(caught.value)
    digest = fashion_mnist._SHA256[LABELS]
    for part in (f"/{LABELS}.gz", digest, str(tmp_path / "fashion-mnist"), "smoke and quick"):
        assert part in said
    assert "\n" not in said


def test_its_splits_are_train_and_test():
    with pytest.raises(InputError, match=r"no split 'valid'\. Known: test, train"):
        load("fashion-mnist", split="valid")


@pytest.mark.skipif(
    not (DATA / "fashion-mnist" / f"{IMAGES}.gz").is_file(),
    reason="SSL_LIB_DATA has no fashion-mnist",
)
def test_the_real_fashion_mnist():
    test, train = load("fashion-mnist", split="test"), load("fashion-mnist")
    assert test.counts().tolist() == [1000] * 10
    assert train.counts().tolist() == [6000] * 10
    # The first test images as the authors' page shows them.
    first = [test.class_names[label] for label in test.labels[:4].tolist()]
    assert first == ["ankle boot", "pullover", "trouser", "trouser"]
    mean, std = train.mean_std()
    assert (mean[0], std[0]) == pytest.approx((0.2860, 0.3530), abs=5e-5)
    assert statistics("fashion-mnist") == ((0.2860,), (0.3530,))
