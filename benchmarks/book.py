"""How long the book takes: built from nothing, unchanged, and with one notebook changed.

    python -m benchmarks.book [--output results]

The commit at hand is copied without its build and caches; each build is a process of its own, with
one notebook at a time for each core, at profile quick. Set-up and downloads are not counted:
``SSL_LIB_DATA`` is used as it is.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.tables import parser_of, publish
from ssl_lib.paths import repository
from ssl_lib.publishing import runner

CHANGED = "imagenet_x"


def build(root: Path, cache: Path) -> float:
    """Return the seconds of one build."""
    environment = os.environ | {"PYTHONPATH": str(root), "SSL_LIB_CACHE": str(cache)}
    command = [sys.executable, "-m", "ssl_lib.cli", "book", "--profile", "quick"]
    start = time.perf_counter()
    subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def change_a_notebook(root: Path) -> None:
    """Add a line to a code cell, as an author would."""
    path = root / "notebooks" / f"{CHANGED}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells[-1]["source"] = "1 + 1\n" + "".join(cells[-1]["source"])
    path.write_text(json.dumps(notebook), encoding="utf-8")


def measure(config: dict[str, str]) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as scratch:
        root, cache = Path(scratch) / "book", Path(scratch) / "cache"
        source = repository()
        subprocess.run(["git", "clone", "--quiet", str(source), str(root)], check=True)
        first = build(root, cache)
        again = build(root, cache)
        change_a_notebook(root)
        changed = build(root, cache)
    rows = [
        ("built from nothing", first),
        ("nothing changed", again),
        (f"{CHANGED} changed", changed),
    ]
    return pd.DataFrame(
        [{"build": name, "seconds": s, "share": s / first} for name, s in rows]
    ).round(3)


def main() -> None:
    args = parser_of(__doc__).parse_args()
    publish("book", measure, args, {"profile": "quick"}, uses=[runner.run])


if __name__ == "__main__":
    main()
