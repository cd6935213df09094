"""What importing costs, and which floor may import which."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ssl_lib"
# DESIGN's floors from below, with the steps inside a floor.
FLOORS = [
    {"arguments", "errors", "paths", "profiles", "randomness", "vision", "markup", "atomic"},
    {"results"},
    {"plotting"},
    {"data", "models"},
    {"methods", "geometry", "theory"},
    {"training", "evaluation", "claims"},
    {"papers"},
    {"cli", "commands", "publishing", "show_versions"},
]
HEAVY = ["torchvision", "matplotlib", "papermill", "IPython", "sklearn", "sphinx"]
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def floor(name: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS) if room(name) in rooms]
    assert found, f"{room(name)} stands on no floor"
    return found[0]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_only_from_floors_below(path: Path) -> None:
    name = name_of(path)
    if not room(name):
        return
    for imported in imports(path):
        if not imported.startswith("ssl_lib.") or room(imported) == "__version__":
            continue
        same_room = room(imported) == room(name)
        # The lowest and the highest floor are each one: their modules may know each other.
        shared = floor(imported) == floor(name) and floor(name) in (0, len(FLOORS) - 1)
        assert same_room or shared or floor(imported) < floor(name), f"{name} imports {imported}"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("papers/*")), ids=lambda path: path.stem)
def test_chapters_do_not_import_each_other(path: Path) -> None:
    own = f"ssl_lib.papers.{path.stem}"
    shared = ("ssl_lib.papers.chapter", own)  # what all chapters share
    for module in [path] if path.suffix == ".py" else path.rglob("*.py"):
        others = [n for n in imports(module) if n.startswith("ssl_lib.papers.")]
        assert not [name for name in others if not name.startswith(shared)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_torchvision_is_imported_through_one_door(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] == "torchvision"]


def test_importing_the_package_is_cheap(python: Callable[..., CompletedProcess[str]]) -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import ssl_lib\n"
        "print(time.perf_counter() - start)\n"
        f"print([name for name in {[*HEAVY, 'torch', 'numpy', 'pandas']!r} if name in sys.modules])"
    )
    done = python(code)
    seconds, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert float(seconds) < 0.5


def test_submodules_load_on_first_use(python: Callable[..., CompletedProcess[str]]) -> None:
    code = "import ssl_lib; print('paths' in dir(ssl_lib), ssl_lib.paths.share('results').name)"
    assert python(code).stdout.split() == ["True", "results"]


def test_unknown_submodule_is_an_attribute_error(
    python: Callable[..., CompletedProcess[str]],
) -> None:
    done = python("import ssl_lib; ssl_lib.nothing")
    assert "AttributeError: module 'ssl_lib' has no attribute 'nothing'" in done.stderr


def test_importing_every_module_loads_nothing_heavy(
    python: Callable[..., CompletedProcess[str]],
) -> None:
    names = [name_of(path) for path in MODULES]
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
