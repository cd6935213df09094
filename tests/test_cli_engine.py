"""``ssl-lib pretrain``, ``probe`` and ``rankme`` as a user runs them."""

import errno
import json
import shutil

import numpy as np
import pytest
import torch

from ssl_lib import cli, data
from ssl_lib.commands.pretrain import options
from ssl_lib.evaluation.features import evaluate, extract
from ssl_lib.evaluation.rank import rankme
from ssl_lib.training.checkpoints import FILE, load_checkpoint
from ssl_lib.training.runs import load_encoder, normalisation

TINY = (
    "pretrain", "--method", "simclr", "--data", "digits", "--encoder", "mlp", "--epochs", "2",
    "--method-option", "head=(16, 8)", "--encoder-option", "hidden=(32,)",
    "--encoder-option", "out_dim=16", "--device", "cpu",
)  # fmt: skip


def call(capsys, *arguments):
    """Return the exit status, and what was said on standard output and on standard error."""
    try:
        status = cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr()
    return status, said.out, said.err


def refused(capsys, *arguments):
    """Return the one line that says what was wrong, having checked that it is one."""
    status, out, err = call(capsys, *arguments)
    lines = [line for line in err.splitlines() if not line.startswith("\r")]
    assert (status, out, len(lines)) == (2, "", 1), err
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert cli.main([*TINY, "--out", str(folder)]) == 0
    return folder


def test_pretrain_says_what_it_did_and_continues_where_it_was(run, capsys):
    status, out, _ = call(capsys, *TINY, "--out", run)
    assert status == 0
    history = load_checkpoint(run).history
    assert f"2 epochs, loss {history[-1]['loss']:.4f}" in out
    assert f"accuracy {history[-1]['knn']:.3f}" in out
    assert str(run / FILE) in out
    assert history[-1]["knn"] > 0.5


def test_the_checkpoint_describes_the_run(run):
    spec = load_checkpoint(run).spec
    assert (spec.method, spec.encoder, spec.data) == ("simclr", "mlp", "digits/train")
    assert spec.method_options == {"head": [16, 8]}
    assert spec.training.epochs == 2


def test_probe_prints_the_measures_of_the_library(run, capsys):
    status, out, _ = call(capsys, "probe", run, "--data", "digits", "--format", "json")
    found = json.loads(out)
    encoder, spec = load_encoder(run)
    train, test = data.load("digits"), data.load("digits", split="test")
    features = [extract(encoder, d.images, transform=normalisation(spec)) for d in (train, test)]
    expected = evaluate(features[0], train.labels, features[1], test.labels)
    assert status == 0
    assert found["train"] == "digits/train"
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_probe_as_a_table_of_few_images(run, capsys):
    status, out, _ = call(
        capsys, "probe", run / FILE, "--data", "digits", "--limit", 50, "--no-logistic"
    )
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == "simclr, mlp: 50 training and 500 test images"
    assert [line.split()[0] for line in lines[1:3]] == ["ridge", "knn"]


@pytest.fixture(scope="module")
def sorted_folder(tmp_path_factory):
    """Return a folder of class folders: whoever takes its first images sees one class."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    digits = data.load("digits").subset(slice(0, 400))
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        for split in ("train", "test"):
            path = folder / split / str(int(label)) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0].numpy()).save(path)
    return folder


def test_folders_sorted_by_class(run, sorted_folder, capsys, tmp_path):
    train, test = sorted_folder / "train", sorted_folder / "test"
    status, out, _ = call(capsys, "probe", run, "--data", train, "--test", test, "--limit", 50,
                          "--format", "json")  # fmt: skip
    assert status == 0
    assert json.loads(out)["knn"] > 0.5
    arguments = [value if value != "digits" else train for value in TINY]
    assert (
        call(capsys, *arguments, "--channels", 1, "--batch-size", 64, "--out", tmp_path / "run")[0]
        == 0
    )
    assert load_checkpoint(tmp_path / "run").history[-1]["knn"] > 0.5


@pytest.fixture(scope="module")
def flat_folder(sorted_folder, tmp_path_factory):
    """Return a folder of the same images without class folders."""
    folder = tmp_path_factory.mktemp("flat")
    for path in (sorted_folder / "train").rglob("*.png"):
        shutil.copy(path, folder / path.name)
    return folder


def test_images_without_labels(run, flat_folder, capsys, tmp_path):
    arguments = [value if value != "digits" else flat_folder for value in TINY]
    arguments += ["--channels", 1, "--batch-size", 64, "--out", tmp_path / "run"]
    status, out, _ = call(capsys, *arguments)
    entry = load_checkpoint(tmp_path / "run").history[-1]
    encoder, spec = load_encoder(tmp_path / "run")
    images = data.load(flat_folder, channels=1).images
    expected = rankme(extract(encoder, images, transform=normalisation(spec)))
    assert status == 0
    assert entry["rankme"] == pytest.approx(expected, rel=1e-5)
    assert f"RankMe {entry['rankme']:.3f}, alpha-ReQ {entry['alpha_req']:.3f}" in out
    assert "knn" not in entry
    said = refused(capsys, "probe", run, "--data", flat_folder)
    assert "a probe needs labels, and " in said
    assert "400 images without labels" in said
    arguments[arguments.index("simclr")] = "supervised"
    assert "the method 'supervised' needs labels" in refused(capsys, *arguments)


def test_one_class_is_judged_without_labels(sorted_folder, capsys, tmp_path):
    shutil.copytree(sorted_folder / "train" / "3", tmp_path / "images" / "3")
    arguments = [value if value != "digits" else tmp_path / "images" for value in TINY]
    arguments += ["--channels", 1, "--batch-size", 16, "--out", tmp_path / "run"]
    assert call(capsys, *arguments)[0] == 0
    assert "rankme" in load_checkpoint(tmp_path / "run").history[-1]


def test_probe_holds_out_a_fifth_of_each_class(run, sorted_folder, capsys):
    folder = sorted_folder / "train"
    status, out, err = call(capsys, "probe", run, "--data", folder, "--no-logistic")
    assert status == 0
    assert "a fifth is held out as test images, 80 of 400, stratified by class, seed 0" in err
    assert out.splitlines()[0] == "simclr, mlp: 320 training and 80 test images"
    again = call(capsys, "probe", run, "--data", folder, "--no-logistic")
    assert (out, err) == again[1:]
    other = call(capsys, "probe", run, "--data", folder, "--no-logistic", "--seed", 1)
    assert out != other[1]


def test_too_few_images_to_hold_out_a_fifth(run, sorted_folder, capsys, tmp_path):
    (tmp_path / "few" / "3").mkdir(parents=True)
    for path in sorted((sorted_folder / "train" / "3").iterdir())[:4]:
        shutil.copy(path, tmp_path / "few" / "3")
    said = refused(capsys, "probe", run, "--data", tmp_path / "few")
    assert "few has 4 images, too few to hold out a fifth" in said


def test_a_batch_of_one_image_is_one_line(capsys, tmp_path):
    said = refused(capsys, *TINY, "--batch-size", 1, "--out", tmp_path)
    assert "a batch_size of 1 in 1 part(s) gives it 1: use a larger batch_size" in said


def test_rankme_of_a_checkpoint_and_of_an_array(run, capsys, tmp_path):
    encoder, spec = load_encoder(run)
    images = data.load("digits").images
    features = extract(encoder, images, transform=normalisation(spec))
    _, out, _ = call(capsys, "rankme", run, "--format", "json")
    assert json.loads(out)["rankme"] == pytest.approx(rankme(features), rel=1e-6)
    np.save(tmp_path / "features.npy", features.numpy().astype(">f8"))
    status, out, _ = call(capsys, "rankme", tmp_path / "features.npy")
    values = dict(line.split() for line in out.splitlines())
    assert status == 0
    assert float(values["rankme"]) == pytest.approx(rankme(features), abs=1e-4)
    assert int(values["samples"]) == 1297


def test_rankme_warns_of_few_samples_in_one_line_and_keeps_to_json(capsys, tmp_path):
    np.save(tmp_path / "few.npy", np.eye(3, 5))
    status, out, err = call(capsys, "rankme", tmp_path / "few.npy", "--format", "json")
    assert status == 0
    assert err.startswith("warning: RankMe of 3 samples in 5 dimensions")
    assert err.count("\n") == 1
    assert json.loads(out)["alpha_req"] is None
    assert json.loads(out)["rankme"] == pytest.approx(3, rel=1e-4)


def test_probe_of_few_images_warns_in_one_line(run, capsys):
    arguments = ("--data", "digits", "--limit", "20", "--no-logistic", "--format", "json")
    status, out, err = call(capsys, "probe", run, *arguments)
    assert status == 0
    assert err.startswith("warning: RankMe of 20 samples")
    assert err.count("\n") == 1
    assert json.loads(out)["method"] == "simclr"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "simclx"], "unknown method 'simclx'. Did you mean 'simclr'?"),
        (["--encoder", "mpl"], "unknown encoder 'mpl'. Did you mean 'mlp'?"),
        (["--data", "digitz"], "no such file. Did you mean 'digits'?"),
        (["--data", ""], "--data must not be empty: give a value, or leave it out."),
        (["--policy", "digit"], "unknown augmentation policy 'digit'. Did you mean 'digits'?"),
        (["--method-option", "heads=3"], "simclr has no option 'heads'. Did you mean 'head'?"),
        (["--encoder-option", "hiden=3"], "mlp has no option 'hiden'. Did you mean 'hidden'?"),
        (["--policy-option", "masc=.1"], "digits has no option 'masc'. Did you mean 'mask'?"),
        (["--method-option", "temperature=hot"], "temperature must be a number above 0, got 'hot'"),
        (["--method-option", "head=narrow"], "cannot be built with head='narrow'"),
        (["--method-option", "concatenate_views=maybe"],
         "concatenate_views must be True or False, got 'maybe'"),
        (["--method-option", "hot"], "an option must be NAME=VALUE, got 'hot'"),
        (["--encoder-option", "seed=3"], "'seed' is not an option of the encoder: the run sets it"),
        (["--optimiser", "adam"], "unknown optimiser 'adam'. Did you mean 'adamw'?"),
        (["--precision", "fp16"], "unknown precision 'fp16'. Known: auto, bfloat16, float32."),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--seed", "-1"], "seed must be at least 0, got -1"),
        (["--learning-rate", "nan"], "learning_rate must be a finite number above 0, got nan"),
        (["--batch-size", "4096"], "batch_size 4096 exceeds the 1297 images of digits/train"),
        (["--drop-patches", "0.5"], "drop_patches needs a vision transformer"),
        (["--drop-patches", "1"], "drop_patches must be from 0 to below 1"),
        (["--size", "0"], "size must be positive"),
        (["--device", "gpu"], "Unknown device 'gpu'"),
    ],
)  # fmt: skip
def test_pretrain_refuses_in_one_line_and_leaves_nothing(capsys, tmp_path, arguments, message):
    assert message in refused(capsys, *TINY, *arguments, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_diverges_names_step_and_checkpoint(capsys, tmp_path):
    line = refused(capsys, *TINY, "--learning-rate", "1e30", "--out", tmp_path)
    assert "is not finite at step" in line
    assert f"the last good checkpoint, of step 0, is {tmp_path / FILE}" in line
    assert load_checkpoint(tmp_path).step == 0


def test_folders_that_are_not_ours(capsys, tmp_path, run):
    (tmp_path / "thesis.txt").write_text("mine")
    assert "is not empty" in refused(capsys, *TINY, "--out", tmp_path)
    assert "is a file" in refused(capsys, *TINY, "--out", tmp_path / "thesis.txt")
    assert "no checkpoint at" in refused(capsys, "probe", tmp_path, "--data", "digits")
    assert "no checkpoint at" in refused(capsys, "rankme", tmp_path)
    line = refused(capsys, *TINY, "--epochs", "3", "--out", run)
    assert "holds another run: its epochs is 2, not 3" in line


def test_a_folder_that_cannot_be_written(capsys, monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ssl_lib.training.loop.save_checkpoint", full)
    line = refused(capsys, *TINY, "--out", tmp_path / "run")
    assert f"cannot write to {tmp_path / 'run'}: No space left on device." in line


def test_another_option_of_the_method_is_another_run(capsys, run):
    line = refused(capsys, *TINY, "--method-option", "temperature=0.1", "--out", run)
    assert "simclr.temperature is 0.5, not 0.1" in line


def test_damaged_checkpoints(capsys, tmp_path, run):
    content = (run / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) // 2])
    for arguments in (("probe", tmp_path, "--data", "digits"), ("rankme", tmp_path / FILE)):
        assert "is not a readable safetensors file" in refused(capsys, *arguments)
    shutil.copy(run / FILE, tmp_path / FILE)
    broken = content.replace(b'\\"simclr\\"', b'\\"simclx\\"', 1)
    assert broken != content
    (tmp_path / FILE).write_bytes(broken)
    assert "unknown method 'simclx'" in refused(capsys, "probe", tmp_path, "--data", "digits")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "shapes"], "takes images of 1 x 8 x 8, shapes/train has 3 x 8 x 8"),
        (["--data", "digitz"], "no such file. Did you mean 'digits'?"),
        (["--data", "digits", "--test", "."], "--test is for paths"),
        (["--data", "digits", "--limit", "0"], "must be at least 1, got 0"),
        (["--data", "digits", "--limit", "1"], "at least two classes to fit"),
        (["--data", "digits", "--device", "gpu"], "Unknown device 'gpu'"),
    ],
)  # fmt: skip
def test_probe_refuses(capsys, run, arguments, message):
    assert message in refused(capsys, "probe", run, *arguments)


def test_probe_wants_test_images_that_exist_and_fit(capsys, run, sorted_folder, tmp_path):
    probe = ("probe", run, "--data", sorted_folder / "train", "--test")
    line = refused(capsys, *probe, tmp_path / "no")
    assert "no such file" in line
    some = tmp_path / "some"
    shutil.copytree(sorted_folder / "test" / "3", some / "3")
    line = refused(capsys, *probe, some)
    assert "must have the same classes" in line


ARRAYS = {
    "nan": (np.array([[1, np.nan], [2, 3]]), "1 value(s) are NaN or infinite, the first in row 0"),
    "one": (np.ones(4), "an array of shape (n, d), got (4,)"),
    "text": (np.array([["a"]]), "must hold one array of numbers, got <U1"),
    "zero": (np.zeros((4, 2)), "all zero"),
    "complex": (np.ones((3, 2), complex), "must hold one array of numbers, got complex128"),
    "single": (np.ones((1, 3)), "must have at least 2 row(s)"),
    "empty": (np.ones((0, 3)), "must have at least 2 row(s)"),
    "pickled": (np.array([{}], dtype=object), "pickled objects are not read"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_rankme_refuses_arrays(capsys, tmp_path, name):
    array, message = ARRAYS[name]
    np.save(tmp_path / "features.npy", array, allow_pickle=True)
    assert message in refused(capsys, "rankme", tmp_path / "features.npy")


def test_rankme_refuses_files_and_numbers(capsys, tmp_path, run):
    (tmp_path / "text.npy").write_text("1 2 3")
    np.savez(tmp_path / "archive.npz", a=np.eye(3))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    np.save(tmp_path / "good.npy", np.eye(3))
    for arguments, message in (
        ([tmp_path / "text.npy"], "is not a whole .npy file"),
        ([tmp_path / "archive.npy"], "got an archive of arrays"),
        ([tmp_path / "none.npy"], "no such file"),
        ([tmp_path / "good.npy", "--samples", "1"], "--samples must be at least 2"),
        ([tmp_path / "good.npy", "--eps", "-1"], "eps must be a number from 0, got -1"),
        ([tmp_path / "good.npy", "--eps", "nan"], "eps must be a number from 0, got nan"),
        ([run, "--data", "shapes"], "takes images of 1 x 8 x 8"),
    ):
        assert message in refused(capsys, "rankme", *arguments)


@pytest.mark.parametrize("command", ["pretrain", "probe", "rankme"])
def test_help_names_every_argument_and_needs_no_torch(python, command):
    code = (
        "import sys\nfrom ssl_lib import cli\n"
        f"try:\n    cli.main(['{command}', '--help'])\n"
        "except SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    parsed = cli.parser().parse_args(
        {"pretrain": [*TINY, "--out", "x"], "probe": ["x", "--data", "y"], "rankme": ["x"]}[command]
        if command == "pretrain"
        else [command, *{"probe": ["x", "--data", "y"], "rankme": ["x"]}[command]]
    )
    for name in set(vars(parsed)) - {"run", "checkpoint", "source"}:
        assert f"--{name.replace('_', '-')}" in done.stdout


def test_shapes_in_colour(capsys, tmp_path):
    status, out, _ = call(
        capsys, "pretrain", "--method", "diet", "--data", "shapes", "--size", 16, "--encoder",
        "convnet", "--epochs", 1, "--batch-size", 512, "--out", tmp_path, "--device", "cpu",
    )  # fmt: skip
    assert status == 0
    assert "diet on shapes/train: 1 epochs" in out
    assert load_checkpoint(tmp_path).spec.in_channels == 3
    assert torch.isfinite(load_checkpoint(tmp_path).model["classifier.weight"]).all()


def test_diet_on_a_folder_at_its_defaults(capsys, tmp_path, sorted_folder):
    """All but the number of showings, which would take minutes: that is warned of."""
    folder, out = sorted_folder / "train", tmp_path / "run"
    status, said, warned = call(
        capsys, "pretrain", "--method", "diet", "--data", folder, "--channels", 1, "--encoder",
        "convnet", "--epochs", 2, "--out", out, "--device", "cpu",
    )  # fmt: skip
    spec = load_checkpoint(out).spec
    assert status == 0
    assert "DIET will see each image 1 times" in warned
    assert (spec.training.batch_size, spec.training.learning_rate) == (256, 1e-3)
    assert (spec.training.weight_decay, spec.training.warmup_epochs) == (0.05, 0)
    assert f"encoder alone: {out / 'encoder.safetensors'}" in said


def test_what_is_refused_before_images_are_loaded_knows_no_number_of_them(capsys, tmp_path):
    """A batch that few images would cut down must not be what `accumulate` has to divide."""
    status, out, _ = call(
        capsys, "pretrain", "--method", "diet", "--data", "digits", "--encoder", "mlp",
        "--epochs", 1, "--accumulate", 4, "--out", tmp_path, "--device", "cpu",
    )  # fmt: skip
    assert (status, "diet on digits/train: 1 epochs" in out) == (0, True)
    assert load_checkpoint(tmp_path).spec.training.batch_size == 256


def test_switches_are_read_in_any_case():
    given = options(["normalise=false", "bias=TRUE", "head_norm=none", "size=3"])
    assert given == {"normalise": False, "bias": True, "head_norm": "none", "size": 3}


def test_one_image_is_too_few(capsys, tmp_path, sorted_folder):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(next((sorted_folder / "train" / "3").iterdir()), alone)
    said = refused(capsys, "pretrain", "--method", "diet", "--data", alone, "--out", tmp_path / "x")
    assert "alone has 1 image: to train takes at least 2" in said


def test_the_encoder_alone_has_no_rows_and_the_same_bits(tmp_path, capsys):
    call(
        capsys, "pretrain", "--method", "diet", "--data", "digits", "--encoder", "convnet",
        "--epochs", 1, "--out", tmp_path, "--device", "cpu",
    )  # fmt: skip
    alone = load_checkpoint(tmp_path / "encoder.safetensors")
    assert all(name.startswith("encoder.") for name in alone.model)
    assert not alone.optimiser
    image = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    codes = [load_encoder(p)[0](image) for p in (tmp_path, tmp_path / "encoder.safetensors")]
    assert torch.equal(*codes)
