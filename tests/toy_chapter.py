"""A chapter with two tables of cells, for tests of the commands; ``install`` brings it in."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib import profiles
from ssl_lib.errors import InputError, MissingData
from ssl_lib.papers.chapter import place
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

PACKAGE = {
    "__init__.py": "from toy_chapter import Settings",
    "experiments.py": "from toy_chapter import experiments",
}
CALLS: list[int] = []
#: What the code adds to every accuracy: another number is a fault.
FAULT = {"by": 0.0}


def install(folder: Path, path: list[str]) -> None:
    """Write the chapter ``toy`` where ``path``, that of ``ssl_lib.papers``, then finds it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "toy").mkdir(parents=True)
    for name, text in PACKAGE.items():
        (folder / "toy" / name).write_text(text)
    path.append(str(folder))


@dataclass(frozen=True, kw_only=True)
class Settings(profiles.Settings):
    """As a chapter has them."""

    data: str = ""
    seeds: int = 0

    def __post_init__(self) -> None:
        """Refuse what no run can use."""
        super().__post_init__()
        if self.data not in ("", "digits", "photos"):
            raise InputError(f"there are no data {self.data!r}.")


def accuracies(config: Any, cell: Any) -> pd.DataFrame:
    """Take a moment, and draw two accuracies."""
    CALLS.append(cell["seed"])
    began = time.perf_counter()
    rng = np.random.default_rng(cell["seed"])
    time.sleep(config["sleep"])
    values = rng.normal(0.9, 0.01, size=2) + FAULT["by"]
    seconds = time.perf_counter() - began
    return pd.DataFrame({"setting": [1, 2], "accuracy": values, "seconds": seconds})


def counts(config: Any, cell: Any) -> pd.DataFrame:
    """Count without chance."""
    return pd.DataFrame({"setting": [1, 2], "regions": [3, config["n"]]})


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the experiments by the names of their tables."""
    data = settings.data or "digits"

    def photos() -> dict[str, str]:
        raise MissingData("the photos are not here; put them into the data folder.")

    def at(table: str) -> str:
        return place("toy", table, settings, data=data, usual="digits")

    seeds = [{"seed": settings.seed + n} for n in range(settings.seeds or 3)]
    config = {"profile": settings.profile, "data": data, "device": settings.device, "sleep": 0.02}
    return {
        "accuracies": Experiment(
            name="toy-accuracies", compute=accuracies, config=config, cells=seeds,
            data=photos if data == "photos" else {}, place=at("accuracies"),
            checks=Checks(keys=("setting",), exact=("accuracy",), times=("seconds",)),
        ),
        "counts": Experiment(
            name="toy-counts", compute=counts, config={"n": 5, "profile": settings.profile},
            cells=[{}], place=at("counts"), checks=Checks(keys=("setting",), exact=("regions",)),
        ),
    }  # fmt: skip
