"""What the sweeps of the tests compute; other processes import it."""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A configuration with a nested value."""

    base: int
    widths: tuple[int, ...] = (2, 3)


def describe(config):
    """Say where and with what the computation runs; a mark counts how often it does."""
    base = config.base if isinstance(config, Setting) else config["base"]
    marks = os.environ.get("SWEEP_MARKS")
    if marks:
        (Path(marks) / f"{base}-{os.getpid()}").touch()
    if base == 13:
        raise ValueError("thirteen brings bad luck")
    if base == 99:
        os._exit(1)
    return pd.DataFrame(
        {
            "power": [base**2, base**3],
            "process": os.getpid(),
            "threads": torch.get_num_threads(),
            "declared": os.environ.get("OMP_NUM_THREADS", ""),
        }
    )


def clash(config):
    """Return a column that the configuration has too."""
    return pd.DataFrame({"base": [1]})


def cell(config, cell):
    """Say what a cell is and where it was computed; a mark counts how often it was."""
    table = describe({"base": cell["base"]})
    return table.assign(power=table["power"] * config["factor"])
