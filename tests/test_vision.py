"""torchvision imports beside a torch that its compiled operators do not fit."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from ssl_lib import vision

Python = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def broken(python: Python) -> Python:
    plain = python("import torchvision")
    if plain.returncode == 0:
        pytest.skip("a plain `import torchvision` works here: there is nothing to repair")
    assert "torchvision::nms does not exist" in plain.stderr
    return python


def test_repairs_the_import_that_fails(broken: Python) -> None:
    result = broken(
        "from ssl_lib.vision import torchvision; repaired = torchvision()\n"
        "import torchvision as plain\n"
        "assert repaired is plain"
    )
    assert result.returncode == 0, result.stderr


def test_repairs_after_a_failed_plain_import(broken: Python) -> None:
    result = broken(
        "try:\n    import torchvision\nexcept RuntimeError: pass\n"
        "from ssl_lib.vision import torchvision; torchvision('datasets')"
    )
    assert result.returncode == 0, result.stderr


def test_compiled_operators_say_that_they_are_unavailable(broken: Python) -> None:
    result = broken(
        "import torch; from ssl_lib.vision import torchvision\n"
        "torchvision().ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)"
    )
    assert "RuntimeError: Couldn't load custom C++ ops" in result.stderr


def test_reports_a_mismatch_instead_of_repairing_it(broken: Python) -> None:
    result = broken(
        "import torch; torch.version.cuda = '13.0'\n"
        "from ssl_lib.vision import torchvision; torchvision()"
    )
    assert "torchvision::nms does not exist" in result.stderr
    assert "install the torchvision that belongs to this torch" in result.stderr


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ImportError("no module")])
def test_other_errors_pass_through(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fail() -> None:
        calls.append(1)
        raise error

    monkeypatch.setattr(vision, "_import_anew", fail)
    with pytest.raises(type(error), match=str(error)):
        vision.torchvision()
    assert len(calls) == 1


def test_folder_reader_transforms_and_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    import torch
    from PIL import Image

    root = tmp_path_factory.mktemp("images")
    for name, colour in [("ant", (255, 0, 0)), ("bee", (0, 0, 255))]:
        (root / name).mkdir()
        Image.new("RGB", (40, 30), colour).save(root / name / "one.png")
    v2 = vision.torchvision("transforms.v2")
    transform = v2.Compose(
        [v2.ToImage(), v2.Resize((32, 32)), v2.ToDtype(torch.float32, scale=True)]
    )
    folder = vision.torchvision("datasets").ImageFolder(root, transform)
    assert folder.classes == ["ant", "bee"]
    images = torch.stack([image for image, _ in folder])
    assert images.mean((2, 3)).tolist() == [[1, 0, 0], [0, 0, 1]]
    flipped = vision.torchvision("transforms.v2.functional").horizontal_flip(images)
    assert torch.equal(flipped, images.flip(-1))
    model = vision.torchvision("models").resnet18(num_classes=5).eval()
    assert model(images).shape == (2, 5)


def test_threads_get_one_module(python: Python) -> None:
    result = python(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from ssl_lib.vision import torchvision\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    modules = list(pool.map(lambda _: torchvision(), range(8)))\n"
        "assert len({id(module) for module in modules}) == 1"
    )
    assert result.returncode == 0, result.stderr


def test_a_second_call_changes_nothing() -> None:
    first = vision.torchvision()
    assert vision.torchvision() is first


def test_unknown_submodule() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"torchvision\.nothing"):
        vision.torchvision("nothing")
