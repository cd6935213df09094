"""``ssl-lib rankme`` ranks what it says: the run's own images, rows drawn at random."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_lib import cli, data
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.rank import rankme
from ssl_lib.randomness import torch_generator
from ssl_lib.training.checkpoints import FILE, load_checkpoint, save_checkpoint
from ssl_lib.training.runs import load_encoder, normalisation

TINY = (
    "pretrain", "--method", "simclr", "--encoder", "mlp", "--epochs", "1", "--batch-size", "64",
    "--method-option", "head=(16, 8)", "--encoder-option", "hidden=(32,)",
    "--encoder-option", "out_dim=16", "--device", "cpu",
)  # fmt: skip


def call(capsys, *arguments):
    """Return the exit status, and what was said on standard output and on standard error."""
    status = cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with images in a sub-folder named like a data set, and a run on them."""
    folder = tmp_path_factory.mktemp("mine")
    digits = data.load("digits").subset(slice(0, 200))
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        path = folder / "imgs" / "digits" / str(int(label)) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = ("--data", "imgs/digits", "--channels", "1", "--out", "run")
        assert cli.main([*TINY, *given]) == 0
    return folder


def test_the_images_of_the_run_are_ranked_from_anywhere(place, capsys, monkeypatch, tmp_path):
    encoder, spec = load_encoder(place / "run")
    images = data.load(place / "imgs" / "digits", channels=1)
    expected = rankme(extract(encoder, images.images, transform=normalisation(spec)))
    others = data.load("digits").images
    assert abs(rankme(extract(encoder, others, transform=normalisation(spec))) - expected) > 0.05
    (tmp_path / "digits" / "0").mkdir(parents=True)
    for folder in (place, tmp_path):
        monkeypatch.chdir(folder)
        status, out, err = call(capsys, "rankme", place / "run", "--format", "json")
        assert (status, err) == (0, "")
        assert json.loads(out)["samples"] == 200
        assert json.loads(out)["rankme"] == pytest.approx(expected, rel=1e-9)


def test_other_images_in_the_same_place_are_refused(place, capsys):
    some = next((place / "imgs" / "digits" / "3").iterdir())
    kept = some.read_bytes()
    Image.new("L", (8, 8)).save(some)
    try:
        status, out, err = call(capsys, "rankme", place / "run")
    finally:
        some.write_bytes(kept)
    assert (status, out) == (2, "")
    assert "imgs/digits no longer holds the images that the run was trained on" in err
    assert "--data" in err


def test_a_run_that_does_not_say_where_its_images_are_asks(place, capsys, tmp_path):
    old = load_checkpoint(place / "run")
    spec = dataclasses.replace(old.spec, loaded={}, fingerprint="")
    plain = spec.to_dict()
    del plain["loaded"], plain["fingerprint"]  # as it was written before they were kept
    assert type(spec).from_dict(plain) == spec
    save_checkpoint(tmp_path / FILE, dataclasses.replace(old, spec=spec))
    status, _, err = call(capsys, "rankme", tmp_path)
    assert status == 2
    assert "does not record where its images (digits) are: name them, with --data" in err
    assert call(capsys, "rankme", tmp_path, "--data", place / "imgs" / "digits")[0] == 0


def test_images_that_are_gone_are_named(place, capsys, tmp_path):
    old = load_checkpoint(place / "run")
    gone = old.spec.loaded | {"name_or_path": str(tmp_path / "gone")}
    spec = dataclasses.replace(old.spec, loaded=gone)
    save_checkpoint(tmp_path / FILE, dataclasses.replace(old, spec=spec))
    status, _, err = call(capsys, "rankme", tmp_path)
    assert status == 2
    assert f"cannot be loaded from {tmp_path / 'gone'}" in err


def test_rows_are_drawn_from_all_of_a_sorted_file(capsys, tmp_path):
    # Class by class, 12 directions each: the first quarter of the rows has a quarter of the rank.
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 500, 12, generator=generator)
    rows = torch.block_diag(*x)
    np.save(tmp_path / "sorted.npy", rows.numpy())
    assert rankme(rows) == pytest.approx(48, abs=0.5)
    assert rankme(rows[:500], eps=0) < 12.01
    command = ("rankme", tmp_path / "sorted.npy", "--samples", 500, "--format", "json")
    status, out, err = call(capsys, *command)
    drawn = torch.randperm(2000, generator=torch_generator(0, "subsample"))[:500]
    assert status == 0
    assert json.loads(out)["rankme"] == pytest.approx(rankme(rows[drawn]), rel=1e-9)
    assert json.loads(out)["rankme"] > 46
    assert err == "note: 500 of 2,000 rows, drawn at random (seed 0)\n"
    other = json.loads(call(capsys, *command, "--seed", 1)[1])
    assert other["rankme"] != json.loads(out)["rankme"]


def test_a_draw_of_images_is_said_too(place, capsys):
    _, out, err = call(capsys, "rankme", place / "run", "--samples", 100)
    assert "note: 100 of 200 rows, drawn at random (seed 0)" in err
    assert "samples                  100" in out


@pytest.mark.parametrize("name", ["features.csv", "features.pt", "features.npz", "features"])
def test_other_files_name_the_forms_that_are_read(capsys, tmp_path, name):
    (tmp_path / name).write_text("1,2\n3,4\n")
    status, out, err = call(capsys, "rankme", tmp_path / name)
    assert (status, out) == (2, "")
    assert "features are read from .npy files (numpy.save), checkpoints from .safetensors" in err


def test_an_array_takes_no_images(capsys, tmp_path):
    np.save(tmp_path / "x.npy", np.eye(4))
    status, _, err = call(capsys, "rankme", tmp_path / "x.npy", "--data", "digits")
    assert status == 2
    assert "--data is for checkpoints" in err
