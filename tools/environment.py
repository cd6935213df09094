"""Write environment.yml from pyproject.toml; with --check only say whether it is up to date."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "environment.yml"
EXTRAS = ("book", "dev")
# Not on conda-forge under the same name, or not there at all: pip installs these.
FROM_PIP = ("imagenet-x", "types-", "pandas-stubs", "sphinxext-opengraph", "sphinx-mathjax-offline")
CONDA_NAMES = {"torch": "pytorch", "build": "python-build"}


def render(project: dict[str, object]) -> str:
    """Return the text of environment.yml for the ``[project]`` table of pyproject.toml."""
    requirements = _requirements(project)
    from_pip = [name for name in requirements if name.startswith(FROM_PIP)]
    from_conda = [_conda_name(name) for name in requirements if name not in from_pip]
    lines = [
        "# Made from pyproject.toml by `make environment`; a test holds the two equal.",
        f"name: {project['name']}",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python{project['requires-python']}",
        "  - pip",
        *(f"  - {requirement}" for requirement in from_conda),
        "  - pip:",
        *(f"      - {requirement}" for requirement in from_pip),
        # Its requirements are all there by then, so pip adds nothing but the package itself.
        "      - -e .",
    ]
    return "\n".join(lines) + "\n"


def _requirements(project: dict[str, object]) -> list[str]:
    extras = project["optional-dependencies"]
    core = project["dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(core, list)
    return sorted({*core, *(line for extra in EXTRAS for line in extras[extra])}, key=str.lower)


def _conda_name(requirement: str) -> str:
    name, bound, rest = requirement.partition(">=")
    return CONDA_NAMES.get(name, name) + bound + rest


def main(arguments: list[str]) -> int:
    """Write the file, or compare it."""
    text = render(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])
    if arguments != ["--check"]:
        FILE.write_text(text, "utf-8")
        return 0
    if FILE.is_file() and FILE.read_text("utf-8") == text:
        return 0
    print("error: environment.yml differs from pyproject.toml: run make environment")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
