"""The source an experiment uses: what changes its fingerprint, and what does not."""

import ast
import functools
import importlib
import itertools
import linecache
import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.results.keys import fingerprint as fp
from ssl_lib.results.keys import modules, source
from ssl_lib.results.keys.fingerprint import current, fingerprint, placeless, trace, without_moved

counter = itertools.count()


class Package:
    """A package on disk that tests write, import and edit."""

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        self.name = f"made{next(counter)}"
        self.folder = root / self.name
        for path, text in {"__init__.py": "", **files}.items():
            self.write(path, text)
        importlib.invalidate_caches()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).replace("PKG", self.name))

    def get(self, module: str, name: str) -> Any:
        return getattr(importlib.import_module(f"{self.name}.{module}"), name)

    def short(self, sources: Mapping[str, str]) -> set[str]:
        return {key.removeprefix(f"{self.name}.") for key in sources}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Package]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda **files: Package(tmp_path, {f"{k}.py": v for k, v in files.items()})
    for name in [name for name in sys.modules if name.startswith("made")]:
        del sys.modules[name]


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    return {key.rpartition(":")[2] for key, _ in {*old.items()} ^ {*new.items()}}


MAIN = """
    from PKG import helpers
    from PKG.helpers import scale as s

    def compute(config):
        '''Doc.'''
        total = 0.0  # start
        for x in range(config["n"]):
            total += s(x)
        return helpers.shift(total)
"""
HELPERS = """
    OFFSET = 3
    UNUSED = 4

    def scale(x):
        "Doc."
        return 2 * x + inner(x)

    def inner(x):
        return x

    def shift(x):
        return x + OFFSET

    def unused(x):
        return x
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# start", "# begin"),
        ("'''Doc.'''", "'''Other.'''"),
        ("'''Doc.'''\n", "\n"),
        ("total = 0.0  # start", "total = (\n            0.0\n        )"),
        ('config["n"]', "config['n']"),
        ("def compute(config):", "def compute(config: dict) -> float:"),
        ("from PKG import helpers", "import numpy\n    from PKG import helpers"),
        ("    def compute", "    def unrelated():\n        return 1\n\n    def compute"),
    ],
)
def test_what_does_not_change_the_code_does_not_change_the_fingerprint(
    make: Callable[..., Package], old: str, new: str
) -> None:
    package = make(main=MAIN, helpers=HELPERS)
    before = fingerprint(package.get("main", "compute"))
    assert old in MAIN
    package.write("main.py", MAIN.replace(old, new))
    assert fingerprint(package.get("main", "compute")) == before


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("2 * x", "3 * x", {"scale"}),
        ("        return x\n\n    def shift", "        return -x\n\n    def shift", {"inner"}),
        ("OFFSET = 3", "OFFSET = 4", {"OFFSET"}),
        ("x + OFFSET", "x - OFFSET", {"shift"}),
        ("UNUSED = 4", "UNUSED = 5", set()),
        ("def unused(x):", "def unused(x, y):", set()),
        ("OFFSET = 3", "OFFSET = 3\n    OFFSET += UNUSED", {"OFFSET", "UNUSED"}),
    ],
)
def test_changes_in_what_is_used_are_found_and_named(
    make: Callable[..., Package], old: str, new: str, names: set[str]
) -> None:
    package = make(main=MAIN, helpers=HELPERS)
    before = fingerprint(package.get("main", "compute"))
    assert old in textwrap.dedent(HELPERS) or old in HELPERS
    package.write("helpers.py", HELPERS.replace(old, new))
    after = fingerprint(package.get("main", "compute"))
    assert changed(before, after) == names


# Each case: the main module, what is changed in ``other``, and whether ``compute`` uses it.
WAYS = {
    "import as": "import PKG.other as o\ndef compute(c): return o.f(c)",
    "import dotted": "import PKG.other\ndef compute(c): return PKG.other.f(c)",
    "from": "from PKG.other import f as g\ndef compute(c): return g(c)",
    "relative": "from .other import f\ndef compute(c): return f(c)",
    "relative package": "from . import other\ndef compute(c): return other.f(c)",
    "inside function": "def compute(c):\n    from PKG.other import f\n    return f(c)",
    "inside function, module": "def compute(c):\n    import PKG.other as o\n    return o.f(c)",
    "re-export": "from PKG.api import f\ndef compute(c): return f(c)",
    "re-export by attribute": "from PKG import api\ndef compute(c): return api.f(c)",
    "star": "from PKG.other import *\ndef compute(c): return f(c)",
    "conditional": "try:\n    from PKG.other import f\nexcept ImportError:\n    f = None\n"
    "def compute(c): return f(c)",
    "default argument": "from PKG.other import f\ndef compute(c, g=f): return g(c)",
    "decorator": "from PKG.other import f\n@f\ndef compute(c): return c",
    "constant": "from PKG.other import f\nG = [f]\ndef compute(c): return G[0](c)",
    "mutated constant": "from PKG.other import f\nG = {}\nG['f'] = f\n"
    "def compute(c): return G['f'](c)",
    "base class": "from PKG import other\nclass A(other.K): pass\ndef compute(c): return A().m()",
    "method": "from PKG.other import f\nclass A:\n    def m(self): return f(1)\n"
    "def compute(c): return A().m()",
    "class variable": "from PKG.other import f\nclass A:\n    g = f\ndef compute(c): return A.g(c)",
    "dataclass field": "import dataclasses\nfrom PKG.other import f\n@dataclasses.dataclass\n"
    "class A:\n    x: int = dataclasses.field(default_factory=f)\ndef compute(c): return A()",
    "nested function": "from PKG.other import f\ndef compute(c):\n    def g(): return f(c)\n"
    "    return g()",
    "lambda": "from PKG.other import f\ncompute = lambda c: f(c)",
    "comprehension": "from PKG.other import f\ndef compute(c): return [f(x) for x in c]",
    "module as value": "from PKG import other\ndef compute(c): return getattr(other, c['name'])",
    "import_module": "import importlib\n"
    "def compute(c): return importlib.import_module('PKG.other').f(c)",
    "import_module of a part": "import importlib\n"
    "def compute(c): return importlib.import_module(f'PKG.{c}').f(c)",
    "import_module of something": "import importlib\n"
    "def compute(c): return importlib.import_module(c['module']).f(c)",
    "partial": "import functools\nfrom PKG.other import f\ncompute = functools.partial(f, 1)",
    "wrapped": "import functools\nfrom PKG.other import f\ndef d(g):\n    @functools.wraps(g)\n"
    "    def w(c): return g(c) + f(c)\n    return w\n@d\ndef compute(c): return c",
    "cache": "import functools\nfrom PKG.other import f\n@functools.cache\n"
    "def compute(c): return f(c)",
    "closure": "from PKG.other import f\ndef make(g):\n    def compute(c): return g(c)\n"
    "    return compute\ncompute = make(f)",
    "recursion": "from PKG.other import f\ndef g(c): return compute(c)\n"
    "def compute(c): return g(c) if c else f(c)",
    "side effect": "from PKG import other\nother.f(1)\ndef compute(c): return c",
    "loop": "from PKG.other import f\nfor G in [f]: pass\ndef compute(c): return G(c)",
    "module getattr": "from PKG import lazy\ndef compute(c): return lazy.f(c)",
}
OTHER = "def f(x=0): return {}\nclass K:\n    def m(self): return f()\n"


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_reach_a_function_is_followed(make: Callable[..., Package], way: str) -> None:
    lazy = (
        "import importlib\ndef __getattr__(name):\n"
        "    return getattr(importlib.import_module('PKG.other'), name)"
    )
    package = make(
        main=WAYS[way], other=OTHER.format("x"), api="from PKG.other import f", lazy=lazy
    )
    compute = package.get("main", "compute")
    before = fingerprint(compute)
    assert "other:f" in package.short(before)
    package.write("other.py", OTHER.format("x + 1"))
    assert "f" in changed(before, fingerprint(compute))


@pytest.mark.parametrize(
    "main",
    [
        "from PKG import other\ndef compute(other): return other.f(1)",
        "from PKG.other import f\ndef compute(c):\n    f = len\n    return f(c)",
        "from PKG.other import f\ndef compute(c): return [f for f in c]",
        "from PKG.other import f\ndef compute(c): return (lambda f: f(c))(len)",
        "from PKG.other import f\ndef compute(c):\n    with c as f: return f",
        "from PKG.other import f\ndef compute(c: f) -> f: return c",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from PKG.other import f\n"
        "def compute(c): return c",
        "from PKG.other import f\ndef compute(c): return c\nif __name__ == '__main__':\n    f(1)",
        "from PKG.other import f\ndef other_use(): return f(1)\ndef compute(c): return c",
    ],
)
def test_what_only_shares_a_name_is_not_followed(make: Callable[..., Package], main: str) -> None:
    package = make(main=main, other=OTHER.format("x"))
    assert package.short(fingerprint(package.get("main", "compute"))) == {"main:compute"}


LAZY = """
    import importlib
    _HOMES = {"f": "other"}
    def __getattr__(name):
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
"""


@pytest.mark.parametrize(
    "main",
    [
        "from PKG.sub import f\ndef compute(c): return f(c)",
        "from PKG import sub\ndef compute(c): return sub.f(c)",
        "import PKG\ndef compute(c): return PKG.sub.f(c)",
    ],
)
def test_lazy_packages_are_followed_to_the_definition(
    make: Callable[..., Package], main: str
) -> None:
    package = make(main=main)
    package.write("sub/__init__.py", LAZY)
    package.write("sub/other.py", "def f(x): return g(x)\ndef g(x): return x")
    package.write("sub/third.py", "def h(x): return x")
    found = package.short(fingerprint(package.get("main", "compute")))
    assert found == {"main:compute", "sub.other:f", "sub.other:g"}


def test_package_may_import_a_module_of_its_own_by_name(make: Callable[..., Package]) -> None:
    package = make(
        __init__="from PKG import helpers", helpers=HELPERS,
        main="import PKG\n\n\ndef compute(x):\n    return PKG.helpers.scale(x)\n",
    )  # fmt: skip
    found = package.short(fingerprint(package.get("main", "compute"), owned=[package.name]))
    assert {"main:compute", "helpers:scale"} <= found


def test_whole_lazy_package_is_all_its_modules(make: Callable[..., Package]) -> None:
    package = make(main="from PKG import sub\ndef compute(c): return getattr(sub, c)", out="A = 1")
    package.write("sub/__init__.py", LAZY)
    package.write("sub/other.py", "def f(x): return x")
    found = package.short(fingerprint(package.get("main", "compute")))
    assert "sub.other:f" in found
    assert "out:A" not in found


def test_a_package_may_import_its_own_module(make: Callable[..., Package]) -> None:
    package = make(
        use="""
        from PKG import words
        def f():
            return words.trend()
    """,
        words="def trend(): return 1",
    )
    package.write("__init__.py", "from PKG import words")
    assert package.short(fingerprint(package.get("use", "f"))) == {"use:f", "words:trend"}


def test_other_import_under_the_same_name_is_a_change(make: Callable[..., Package]) -> None:
    main = "from numpy import sin as f\ndef compute(c): return f(c)"
    package = make(main=main)
    compute = package.get("main", "compute")
    before = trace(compute)
    package.write("main.py", main.replace("sin", "cos"))
    assert changed(before.sources, fingerprint(compute)) == {"compute"}
    assert before.packages == {"numpy"}


def test_methods_instances_and_their_state() -> None:
    assert fingerprint(Model(2).predict) != fingerprint(Model(3).predict)
    assert fingerprint(Model(2).predict) == fingerprint(Model(2).predict)
    assert {"test_fingerprint:Model"} <= {k.rpartition(".")[2] for k in fingerprint(Model.build)}


@dataclass(frozen=True)
class Model:
    width: int

    def predict(self, config: object) -> int:
        return self.width

    @classmethod
    def build(cls, config: object) -> "Model":
        return cls(1)


def test_partial_arguments_count(make: Callable[..., Package]) -> None:
    f = make(main="def f(a, b, c): return a").get("main", "f")
    prints = [fingerprint(functools.partial(f, a, b=b)) for a, b in [(1, 2), (1, 3), (2, 2)]]
    assert prints[0] == fingerprint(functools.partial(f, 1, b=2))
    assert len({tuple(p.items()) for p in prints}) == 3


def test_values_without_a_hash_are_refused_by_name(make: Callable[..., Package]) -> None:
    package = make(main="def make(v):\n    def compute(c): return v\n    return compute")
    with pytest.raises(InputError, match=r"compute\(v\) is a object"):
        fingerprint(package.get("main", "make")(object()))


def test_installed_packages_are_listed_not_followed() -> None:
    from sklearn.linear_model import LogisticRegression

    found = trace(LogisticRegression)
    assert found.sources == {}
    assert found.packages == {"sklearn"}


def test_whole_module_can_be_named() -> None:
    found = fingerprint(modules)
    assert {
        "ssl_lib.results.keys.modules:locate",
        "ssl_lib.results.keys.modules:read",
        "ssl_lib.results.keys.modules:*",
    } <= {*found}


# Notebooks


def cell(text: str, namespace: dict[str, Any]) -> None:
    """Run code as a notebook does: compiled from a cell whose text only ``linecache`` has."""
    name, text = f"<cell {next(counter)}>", textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), namespace)


@pytest.fixture
def notebook() -> dict[str, Any]:
    return {"__name__": "__main__"}


def test_functions_typed_into_a_notebook(notebook: dict[str, Any]) -> None:
    cell("def helper(x):\n    return x", notebook)
    cell("WIDTH = 3", notebook)
    text = "from ssl_lib import profiles as p\ndef compute(c):\n    return helper(WIDTH), p.check"
    cell(text, notebook)
    before = fingerprint(notebook["compute"])
    assert {"__main__:compute", "__main__:helper", "ssl_lib.profiles:check"} <= {*before}
    cell("def helper(x):\n    return x  # comment", notebook)
    assert fingerprint(notebook["compute"]) == before
    cell("WIDTH = 4", notebook)
    assert changed(before, fingerprint(notebook["compute"])) == {"global WIDTH"}
    cell("WIDTH = 3\ndef helper(x):\n    return x + 1", notebook)
    assert changed(before, fingerprint(notebook["compute"])) == {"helper"}


def test_lambdas_and_classes_typed_into_a_notebook(notebook: dict[str, Any]) -> None:
    text = "class K:\n    gain = 2\n    def m(self):\n        return {}\n"
    cell(text.format(1), notebook)
    cell("f, g = lambda c: K().m(), 1", notebook)
    before = fingerprint(notebook["f"])
    cell(text.format(2), notebook)
    assert changed(before, fingerprint(notebook["f"])) == {"K"}
    cell("f, g = lambda c: K().m(), 2", notebook)
    cell(text.format(1), notebook)
    assert fingerprint(notebook["f"]) == before


def test_dataclasses_typed_into_a_notebook(
    notebook: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cells", types.ModuleType("cells"))
    namespace = vars(sys.modules["cells"])
    text = (
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Config:\n    n: int = {}\n"
    )
    cell("n = object()\nUNIT = 2", namespace)
    cell(text.format("UNIT"), namespace)
    cell("def compute(config):\n    return Config().n", namespace)
    before = fingerprint(namespace["compute"])
    assert {*before} == {"cells:Config", "cells:compute", "global UNIT"}
    cell(text.format("3"), namespace)
    assert changed(before, fingerprint(namespace["compute"])) == {"Config", "global UNIT"}


def test_global_that_cannot_be_hashed_is_named(notebook: dict[str, Any]) -> None:
    cell("thing = object()\ndef compute(c):\n    return thing", notebook)
    with pytest.raises(InputError, match="global thing is a object"):
        fingerprint(notebook["compute"])


def test_function_without_source(notebook: dict[str, Any]) -> None:
    exec("def compute(c): return 1", notebook)
    with pytest.raises(InputError, match="source of __main__:compute is not available"):
        fingerprint(notebook["compute"])


# Reachability against an oracle, and the canonical text


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_fingerprint_changes_exactly_for_reachable_functions(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n = data.draw(st.integers(2, 7))
    function = st.integers(0, n - 1)
    calls = data.draw(st.sets(st.tuples(function, function), max_size=12))
    edited = data.draw(function)
    reachable, frontier = {0}, [0]
    while frontier:
        node = frontier.pop()
        new = {callee for caller, callee in calls if caller == node} - reachable
        reachable |= new
        frontier += new
    root = tmp_path_factory.mktemp("graph")
    package = Package(root, {})
    body = {
        k: "".join(f"    {_call(k, j)}\n" for i, j in sorted(calls) if i == k) for k in range(n)
    }
    for k in range(n):
        package.write(f"m{k % 3}.py", "")
    _write(package, body, edited=None)
    sys.path.insert(0, str(root))
    try:
        compute = package.get("m0", "f0")
        before = fingerprint(compute)
        _write(package, body, edited=edited)
        after = fingerprint(compute)
    finally:
        sys.path.remove(str(root))
    assert {key.partition(":")[2] for key in before} == {f"f{k}" for k in reachable}
    assert changed(before, after) == ({f"f{edited}"} if edited in reachable else set())


def _call(caller: int, callee: int) -> str:
    """Call a function of module ``callee % 3`` in one of three ways."""
    if caller % 3 == callee % 3:
        return f"f{callee}()"
    module = f"PKG.m{callee % 3}"
    if (caller + callee) % 2:
        return f"import {module}; {module}.f{callee}()"
    return f"from {module} import f{callee}; f{callee}()"


def _write(package: Package, body: Mapping[int, str], edited: int | None) -> None:
    for module in range(3):
        functions = [
            f"def f{k}():\n{text}    return {int(k == edited)}\n"
            for k, text in body.items()
            if k % 3 == module
        ]
        package.write(f"m{module}.py", "\n".join(functions))


LIBRARY = sorted(Path(fp.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: p.stem)
def test_reformatting_any_module_keeps_its_definitions(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    one, other = source.parse("m", text), source.parse("m", ast.unparse(ast.parse(text)))
    assert {*one.statements} == {*other.statements}
    assert all(one.definition(name) == other.definition(name) for name in one.statements)


def test_recorded_text_holds_on_every_python() -> None:
    text = "def f(x, *, y=1_0, **k):\n"
    text += '    return f"{x:.2f} a" "b{y}" f"{y!r}", [k for k in (None, ...)]\n'
    assert source.parse("m", text).definition("f").text[:16] == "0b497cbe65b5b007"


# Bookkeeping


def test_current_names_what_changed_and_what_is_gone(make: Callable[..., Package]) -> None:
    package = make(main=MAIN, helpers=HELPERS)
    before = fingerprint(package.get("main", "compute"))
    assert current(before) == before
    text = HELPERS.replace("2 * x", "3 * x").replace("def inner", "def inner2")
    package.write("helpers.py", text)
    now = current(before)
    differ = {key.partition(":")[2] for key in before if now.get(key) != before[key]}
    assert differ == {"scale", "inner"}
    assert f"{package.name}.helpers:inner" not in now


def test_code_that_moved_is_no_change(make: Callable[..., Package]) -> None:
    package = make(main=MAIN, helpers=HELPERS)
    before = fingerprint(package.get("main", "compute"))
    other = make(main=MAIN.replace("PKG", "PKG.rooms"), **{"rooms/helpers": HELPERS})
    after = fingerprint(other.get("main", "compute"))
    assert not before.keys() & after.keys()
    assert placeless(before) == placeless(after)
    assert without_moved(before, after) == ({}, {})
    # As the file is when its definitions have gone elsewhere: still current, under their new name.
    package.write("other.py", HELPERS)
    package.write("helpers.py", "")
    assert placeless(current(before)) == placeless(before)
    package.write("other.py", HELPERS.replace("2 * x", "3 * x"))
    left, _ = without_moved(before, current(before))
    assert {name.partition(":")[2] for name in left} >= {"scale"}


def test_an_import_under_another_name_is_a_change(make: Callable[..., Package]) -> None:
    text = "from PKG.b import f as one, g as other\ndef run():\n    return one() - other()\n"
    swapped = text.replace("f as one, g as other", "g as one, f as other")
    both = "def f():\n    return 1\ndef g():\n    return 2\n"
    found = [fingerprint(make(a=a, b=both).get("a", "run")) for a in (text, swapped)]
    left, right = without_moved(*found)
    assert [name.partition(":")[2] for name in (*left, *right)] == ["run", "run"]


def test_unchanged_files_are_parsed_once(
    make: Callable[..., Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make(main=MAIN, helpers=HELPERS)
    for path in package.folder.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    compute = package.get("main", "compute")
    before = fingerprint(compute)
    monkeypatch.setattr(modules.source, "parse", None)
    assert fingerprint(compute) == before


def test_modules_are_read_without_being_imported(repository: Path) -> None:
    code = (
        "import sys; from ssl_lib.results.keys import fingerprint, modules; "
        "modules.modules_below('ssl_lib'); modules.read('ssl_lib.publishing.stage'); "
        "print([m for m in sys.modules if m.startswith('ssl_lib.publishing')])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
