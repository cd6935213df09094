"""What the set-up promises: bounds, exact versions, the wheel's content, the environment script."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ssl_lib

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {
    name: [Requirement(line) for line in lines]
    for name, lines in PROJECT["optional-dependencies"].items()
}
EVERYTHING = CORE + [requirement for lines in EXTRAS.values() for requirement in lines]
INSTALLED_BY_MAKE = CORE + EXTRAS["book"] + EXTRAS["dev"]


def pins(path: Path) -> dict[str, list[Requirement]]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    found: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, lines):
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version(requirement: Requirement, operator: str) -> str:
    return next(part.version for part in requirement.specifier if part.operator == operator)


@pytest.mark.parametrize("requirement", EVERYTHING, ids=str)
def test_bounds_are_lower_bounds(requirement: Requirement) -> None:
    operators = sorted(part.operator for part in requirement.specifier)
    assert operators == (["<", ">="] if requirement.name == "jupyter-book" else [">="])


@pytest.mark.parametrize("requirement", CORE, ids=str)
def test_core_bounds_admit_what_colab_ships(requirement: Requirement) -> None:
    colab = pins(ROOT / ".github/versions/colab.txt").get(canonicalize_name(requirement.name))
    if colab is None:
        pytest.skip("not pinned in the list of Colab's versions")
    assert requirement.specifier.contains(version(colab[0], "=="))


@pytest.mark.parametrize("requirement", INSTALLED_BY_MAKE, ids=str)
@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.4", "3.13.1"])
def test_constraints_pin_one_admissible_version(requirement: Requirement, python: str) -> None:
    environment = {"python_version": python[:4], "python_full_version": python}
    candidates = [
        pin
        for pin in pins(ROOT / "constraints.txt")[canonicalize_name(requirement.name)]
        if pin.marker is None or pin.marker.evaluate(environment)
    ]
    assert len(candidates) == 1
    assert requirement.specifier.contains(version(candidates[0], "=="))


def test_environment_file_equals_pyproject(load_script: Callable[[Path], ModuleType]) -> None:
    module = load_script(ROOT / "tools/environment.py")
    text = (ROOT / "environment.yml").read_text("utf-8")
    assert text == module.render(PROJECT), "run make environment"
    *from_conda, pip = yaml.safe_load(text)["dependencies"]
    bare = [line for line in from_conda if line not in ("pip", "python>=3.11")]
    assert len(bare) + len(pip["pip"]) - 1 == len(INSTALLED_BY_MAKE)


def test_command_and_version() -> None:
    assert PROJECT["scripts"] == {"ssl-lib": "ssl_lib.cli:main"}
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == ssl_lib.__version__
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("wheel")
    # By way of the sdist, as a release is made: what the sdist lacks, the wheel would lack.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


LISTS = ("claims.yml", "chapters.yml")


def test_wheel_ships_results_and_claims(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        lists = {name: archive.read(f"ssl_lib/_share/{name}") for name in LISTS}
    shipped = {name for name in names if name.startswith("ssl_lib/_share/results/")}
    results = {path for path in (ROOT / "results").rglob("*") if path.is_file()}
    assert {name.removeprefix("ssl_lib/_share/") for name in shipped} == {
        path.relative_to(ROOT).as_posix()
        for path in results
        if ".ipynb_checkpoints" not in path.parts
    }
    assert lists == {name: (ROOT / "book" / name).read_bytes() for name in LISTS}
    assert not [name for name in names if name.startswith(("tests/", "notebooks/"))]


def test_installed_package_finds_what_it_ships(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "from ssl_lib import paths; assert paths.repository() is None;"
        "assert paths.share('results').is_dir(); print(paths.share('claims.yml').read_text())"
    )
    command = [sys.executable, "-P", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip() == (ROOT / "book/claims.yml").read_text("utf-8").rstrip()


# A stand-in for a Python interpreter: it says its version, makes "environments" that hold a copy of
# itself, and writes down what it was asked to install.
FAKE = """#!/bin/sh
version="{version}"
case "$*" in
  *"print(sys.version"*) echo "$version" ;;
  *version_info*) case "$version" in 3.1[1-9]*) exit 0 ;; *) exit 1 ;; esac ;;
  *ensurepip*) exit {venv} ;;
  "-m venv --clear "*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
  "-m pip "*) echo "$*" >> pip.log ;;
esac
"""


class Clone:
    """A folder with the set-up script and fake interpreters on its path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "path"
        self.bin.mkdir()
        (root / "tools").mkdir()
        shutil.copy(ROOT / "tools/setup.sh", root / "tools")
        (root / "pyproject.toml").write_text("[project]\n")
        (root / "constraints.txt").write_text("torch==2.13.0\n")
        for tool in ("sh", "cat", "cksum", "cp", "dirname", "mkdir", "rm"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def interpreter(self, name: str, version: str, *, venv: bool = True) -> None:
        self.script(name, FAKE.format(version=version, venv=0 if venv else 1))

    def script(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(stat.S_IRWXU)

    def setup(self, python: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "tools/setup.sh", ".venv", python],
            cwd=self.root,
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
        )

    def installs(self) -> int:
        log = self.root / "pip.log"
        return log.read_text().count("--editable") if log.exists() else 0

    def version(self) -> str:
        return subprocess.run(
            [self.root / ".venv/bin/python", "-c", "print(sys.version)"],
            capture_output=True,
            text=True,
        ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    if sys.platform == "win32":
        pytest.skip("make and sh are needed")
    return Clone(tmp_path)


def test_setup_takes_the_first_interpreter_that_works(clone: Clone) -> None:
    clone.interpreter("python3", "3.10.13")
    clone.script("python3.13", "#!/bin/sh\necho 'python3.13: command not found' >&2\nexit 127\n")
    clone.interpreter("python3.12", "3.12.1", venv=False)
    clone.interpreter("python3.11", "3.11.7")
    done = clone.setup()
    assert done.returncode == 0, done.stderr
    assert clone.version() == "3.11.7"
    log = (clone.root / "pip.log").read_text().splitlines()
    assert log[0].endswith("--constraint constraints.txt torch")
    assert log[1].endswith("--constraint constraints.txt --editable .[book,dev]")


def test_setup_works_once_and_again_when_stale(clone: Clone) -> None:
    clone.interpreter("python3", "3.11.7")
    clone.setup()
    second = clone.setup()
    assert (second.returncode, second.stdout, clone.installs()) == (0, "", 1)
    (clone.root / "constraints.txt").write_text("torch==2.13.1\n")
    clone.setup()
    assert clone.installs() == 2
    (clone.root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    clone.setup()
    assert clone.installs() == 3
    clone.setup()
    assert clone.installs() == 3


def test_setup_makes_the_environment_anew_for_another_python(clone: Clone) -> None:
    clone.interpreter("python3", "3.11.7")
    clone.interpreter("python3.13", "3.13.0")
    clone.setup()
    assert clone.setup("python3.13").returncode == 0
    assert clone.version() == "3.13.0"
    clone.setup()  # no wish: what is there is kept
    assert (clone.version(), clone.installs()) == ("3.13.0", 2)


def test_setup_repairs_an_environment_whose_python_is_gone(clone: Clone) -> None:
    clone.interpreter("python3", "3.11.7")
    clone.setup()
    (clone.root / ".venv/bin/python").unlink()
    assert clone.setup().returncode == 0
    assert (clone.version(), clone.installs()) == ("3.11.7", 2)


def test_setup_goes_on_after_a_failed_installation(clone: Clone) -> None:
    clone.interpreter("python3", "3.11.7")
    text = (clone.bin / "python3").read_text()
    clone.script("python3", text.replace('echo "$*" >> pip.log', "exit 1"))
    assert clone.setup().returncode != 0
    clone.script("python3", text)
    shutil.rmtree(clone.root / ".venv")
    assert clone.setup().returncode == 0
    assert clone.installs() == 1


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("", "error: no Python 3.11 or newer"),
        ("python9", "error: PYTHON=python9 does not run"),
        ("python3", "error: PYTHON=python3 is 3.9.2; 3.11 or newer is needed"),
        ("python3.12", "error: PYTHON=python3.12 cannot make virtual environments"),
    ],
)
def test_setup_says_in_one_line_what_is_missing(clone: Clone, wish: str, message: str) -> None:
    clone.interpreter("python3", "3.9.2")
    clone.interpreter("python3.12", "3.12.1", venv=False)
    done = clone.setup(wish)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


FREEZE = """  "-m pip freeze")
    if grep -q editable pip.log; then echo "{after}"; else echo "{before}"; fi ;;
  "-m pytest "*) echo "$*" ;;
  "-m pip "*)"""


@pytest.mark.parametrize("after", ["numpy==2.1.3", "numpy==2.4.0"])
def test_colab_is_tested_only_where_nothing_was_replaced(clone: Clone, after: str) -> None:
    fake = FAKE.format(version="3.13.0", venv=0)
    freeze = FREEZE.format(before="numpy==2.1.3", after=after)
    clone.script("python3.13", fake.replace('  "-m pip "*)', freeze))
    for tool in ("comm", "grep", "sort"):
        (clone.bin / tool).symlink_to(str(shutil.which(tool)))
    shutil.copy(ROOT / "tools/test_with.sh", clone.root / "tools")
    versions = clone.root / ".github/versions/colab.txt"
    versions.parent.mkdir(parents=True)
    versions.write_text("torch==2.11.0\nnumpy==2.1.3\n")
    done = subprocess.run(
        ["sh", "tools/test_with.sh", "colab", ".venv", "python3.13", "torch==2.13.0", "-x"],
        cwd=clone.root,
        env={"PATH": str(clone.bin)},
        capture_output=True,
        text=True,
    )
    assert (clone.root / ".venv/versions.txt").read_text() == "numpy==2.1.3\ntorch==2.13.0\n"
    if after == "numpy==2.1.3":
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("-m pytest -n logical --dist loadfile -x\n")
    else:
        assert (done.returncode, "pytest" in done.stdout) == (1, False)
        assert done.stderr == "error: the installation replaced numpy==2.1.3\n"


def test_help_lists_every_target(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    text = (ROOT / "Makefile").read_text("utf-8")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")]
    targets = re.findall(r"^([a-z-]+):(?! export)", text, re.MULTILINE)
    assert sorted(listed) == sorted(targets)
    phony = re.findall(r"^\.PHONY: (.*)", text, re.MULTILINE)
    assert sorted(" ".join(phony).split()) == sorted(targets)
    assert max(map(len, done.stdout.splitlines())) <= 130


#: Minutes of the jobs that compute published cells again, all or as many as these allow.
LONG = {"book": 180, "verify": 120}
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_well_formed(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))
    # YAML 1.1 reads the key `on` as true.
    assert {"push", "pull_request", "schedule", "workflow_dispatch"} & set(workflow[True])
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= LONG.get(name, 60), name
        assert set(job.get("needs", [])) <= set(workflow["jobs"]), name
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), (name, step)
            assert "@" in step.get("uses", "@"), (name, step)


def test_published_tables_are_verified_each_week_and_what_readers_see_is_fresh() -> None:
    folder = ROOT / ".github/workflows"
    weekly, ci = (
        yaml.safe_load((folder / f"{n}.yml").read_text("utf-8")) for n in ("weekly", "ci")
    )
    (verify,) = [step["run"] for step in weekly["jobs"]["verify"]["steps"] if "run" in step]
    seconds = int(verify.partition("SECONDS=")[2])
    assert 60 * weekly["jobs"]["verify"]["timeout-minutes"] >= 1.5 * seconds
    (book,) = [step for step in ci["jobs"]["book"]["steps"] if "make book" in step.get("run", "")]
    assert book["run"].endswith(" FRESH=$FRESH")
    assert book["env"]["FRESH"] == "${{ github.event_name != 'pull_request' && '1' || '' }}"
    assert "make verify SECONDS=60" in (ROOT / ".ci/run").read_text("utf-8")


def test_continuous_integration_covers_the_promised_versions() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    versions = jobs["test"]["strategy"]["matrix"]["python"]
    promised = [
        line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: Python :: 3." in line
    ]
    assert versions == promised
    assert {"book", "pages"} <= set(jobs)
    runners = [extra["runner"] for extra in jobs["test"]["strategy"]["matrix"]["include"]]
    assert any(runner.endswith("-arm") for runner in runners)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_anyone_can_run(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    called = []
    for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
        others = job.get("strategy", {}).get("matrix", {}).get("include", [])
        called += [other["target"] for other in others if "target" in other]
        runs = [step["run"] for step in job["steps"] if "run" in step and "if" not in step]
        assert all(run.startswith("make ") for run in runs), runs
        called += [run.split()[1] for run in runs if "${{" not in run]
    assert called
    for target in called:
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


def test_the_checks_script_is_strict() -> None:
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert "set -euo pipefail" in script
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci/run")]).returncode == 0
