"""Run every benchmark that writes a table of the book.

    python -m benchmarks [NAME ...]

One after another, each in a process of its own; tables go to ``results/benchmarks``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def tables() -> list[str]:
    """The benchmarks that publish a table, by what they call."""
    files = [file for file in sorted(FOLDER.glob("[a-z]*.py")) if file.stem != "tables"]
    return [file.stem for file in files if "publish(" in file.read_text(encoding="utf-8")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(tables())}")
    names = parser.parse_args().names or tables()
    unknown = set(names) - set(tables())
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(tables())}")
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if subprocess.run(command, cwd=FOLDER.parent, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
