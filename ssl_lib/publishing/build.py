"""Turn the staged tree into HTML, and do nothing when nothing has changed."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.stage import Stage

__all__ = ["Built", "build"]

_TOOLS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "pydata-sphinx-theme")


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build came to.

    Parameters
    ----------
    index : pathlib.Path
        The page to open.
    ok : bool
        Whether it went through without a warning.
    skipped : bool
        Whether the site was already up to date.
    messages : str
        What Sphinx had to say.
    """

    index: Path
    ok: bool
    skipped: bool
    messages: str = ""


def build(book: Book, staged: Stage) -> Built:
    """Build the site with warnings counted as errors.

    Parameters
    ----------
    book : Book
        Where the site goes: ``_build/html``.
    staged : Stage
        What to build it from.
    """
    index = book.html / "index.html"
    wanted = {"digest": _digest(staged), "documents": sorted(staged.documents)}
    state = book.build / "built.json"
    last = _read(state)
    if last == wanted and index.is_file():
        return Built(index=index, ok=True, skipped=True)
    state.unlink(missing_ok=True)
    if not set(last.get("documents", [])) <= staged.documents:
        _clear(book)  # Sphinx leaves the pages of documents that are gone
    done = _sphinx(book, staged)
    if done.returncode == 0:
        state.write_text(json.dumps(wanted), encoding="utf-8")
    else:
        # A page that is not read again does not repeat its warning, and the next build would pass.
        shutil.rmtree(book.build / ".doctrees", ignore_errors=True)
    messages = (done.stdout + done.stderr).strip()
    return Built(index=index, ok=done.returncode == 0, skipped=False, messages=messages)


def _sphinx(book: Book, staged: Stage) -> "subprocess.CompletedProcess[str]":
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", str(staged.folder)]
    command += ["--path-output", str(book.root), "-W", "-n", "--keep-going", "-q"]
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def _digest(staged: Stage) -> str:
    """Hash all that the site is made of: pages, docstrings, and the tools' versions."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(staged.digest.encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    for tool in _TOOLS:
        digest.update(f"{tool} {importlib.metadata.version(tool)}\n".encode())
    return digest.hexdigest()


def _read(state: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(state.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _clear(book: Book) -> None:
    for name in ("html", ".doctrees"):
        shutil.rmtree(book.build / name, ignore_errors=True)
