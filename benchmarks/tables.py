"""What benchmarks share that write a table: measured anew each time, with a manifest."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_lib.paths import share
from ssl_lib.results import Store


def parser_of(text: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--output", type=Path, default=share("results"))
    return parser


def publish(
    name: str,
    measure: Callable[[Mapping[str, Any]], pd.DataFrame],
    args: argparse.Namespace,
    config: Mapping[str, Any] | None = None,
    **about: Any,
) -> None:
    """Measure, print the table and write it; all arguments are the configuration by default."""
    if config is None:
        config = {key: value for key, value in vars(args).items() if key != "output"}
    with tempfile.TemporaryDirectory() as scratch:  # never from the cache: times are measured
        store = Store(scratch)
        result = store.table(name, measure, config, **about)
        print(result.table.to_string(index=False, na_rep=""))
        print(store.publish(result, args.output / "benchmarks"))
