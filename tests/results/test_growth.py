"""A registry may grow without changing what was computed through its other entries."""

import importlib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from ssl_lib.methods import build
from ssl_lib.results.keys import growth
from ssl_lib.results.keys.fingerprint import fingerprint
from ssl_lib.results.keys.growth import without_grown
from ssl_lib.results.manifest import code_changes

FILES = {
    "__init__.py": "",
    "cats.py": "def purr(): return 1\nclass Cat:\n    name = 'cat'\n    call = purr",
    "dogs.py": "def bark(): return 2\nclass Dog:\n    name = 'dog'\n    call = bark",
    "zoo.py": """
        from grown.cats import Cat
        from grown.dogs import Dog

        ALL: tuple[type, ...] = (Cat,)

        def find(name):
            return next(one for one in ALL if one.name == name)
    """,
}


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Return a function that edits a package and returns the fingerprint of its ``find``."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(growth, "REGISTRIES", ("grown.zoo:ALL",))
    folder = tmp_path / "grown"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(textwrap.dedent(text))

    def edit(file: str = "zoo.py", old: str = "", new: str = "") -> dict[str, str]:
        path = folder / file
        path.write_text(path.read_text().replace(old, new))
        for name in [name for name in sys.modules if name.partition(".")[0] == "grown"]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        return fingerprint(importlib.import_module("grown.zoo").find)

    return edit


def test_one_more_entry_is_no_change(zoo: Callable[..., dict[str, str]]) -> None:
    before = zoo()
    after = zoo(old="(Cat,)", new="(Dog, Cat)")
    assert set(after) - set(before) == {"grown.dogs:Dog", "grown.dogs:bark"}
    assert without_grown(before, after) == before
    assert code_changes({"source": before}, {"source": after}) == []


def test_an_entry_less_is_a_change(zoo: Callable[..., dict[str, str]]) -> None:
    before = zoo(old="(Cat,)", new="(Cat, Dog)")
    after = zoo(old="(Cat, Dog)", new="(Cat,)")
    assert without_grown(before, after) == after != before


@pytest.mark.parametrize(
    ("file", "old", "new", "name"),
    [
        ("cats.py", "return 1", "return 3", "grown.cats:purr"),
        ("zoo.py", "== name", "!= name", "grown.zoo:find"),
    ],
)
def test_other_changes_show_beside_the_growth(
    zoo: Callable[..., dict[str, str]], file: str, old: str, new: str, name: str
) -> None:
    before = zoo()
    zoo(old="(Cat,)", new="(Cat, Dog)")
    after = zoo(file, old, new)
    changes = code_changes({"source": before}, {"source": after})
    assert changes == [f"source {name} changed"]


def test_what_an_old_entry_newly_uses_is_a_change(zoo: Callable[..., dict[str, str]]) -> None:
    before = zoo()
    zoo(old="(Cat,)", new="(Cat, Dog)")
    zoo("cats.py", "def purr(): return 1", "from grown.dogs import bark\ndef purr(): return bark()")
    after = zoo()
    changes = code_changes({"source": before}, {"source": after})
    assert "source grown.cats:purr changed" in changes


def test_the_registries_are_there_and_are_displays_of_classes() -> None:
    for name in growth.REGISTRIES:
        module, _, definition = name.partition(":")
        found = growth.read(module)
        assert found is not None
        assert growth._entries(found, definition) == [cls.__name__ for cls in build.CLASSES]
