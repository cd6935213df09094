"""The command line: ``ssl-lib COMMAND ...``."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from ssl_lib import __version__
from ssl_lib.errors import InputError

__all__ = ["main", "parser"]

# One module of ssl_lib.commands each, with HELP, configure(parser) and run(args) -> exit status.
COMMANDS = (
    "book", "run", "status", "check", "compare", "publish", "verify", "pretrain", "probe",
    "rankme", "imagenet-x", "fairness",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, by default those of the process.

    Returns
    -------
    int
        0 when all went well, 1 when something that was checked or run failed, 2 when the
        arguments or files given were wrong, 130 when interrupted.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    ...
    SystemExit: 0
    """
    argv = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(argv)
    try:
        _check_not_empty(argv)
        return int(args.run(args))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as in ``ssl-lib status | head``
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def _check_not_empty(argv: Sequence[str]) -> None:
    """Refuse what a shell makes of an unset variable: as a path, it would be the folder here."""
    for before, given in zip(["", *argv], argv, strict=False):
        option, _, value = given.partition("=")
        if option.startswith("--") and option != given:
            before, given = option, value
        if not given.strip():
            what = before if before.startswith("-") else f"the argument after {before!r}"
            raise InputError(f"{what} must not be empty: give a value, or leave it out.")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="ssl-lib",
        description="Self-supervised learning papers, regenerated: library, notebooks and book.",
    )
    top.add_argument("--version", action="version", version=f"ssl_lib {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = _command(name)
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return top


def _command(name: str) -> ModuleType:
    return importlib.import_module(f"ssl_lib.commands.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
