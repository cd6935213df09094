"""Factor analysis of four prediction files: the official package against this library.

    python -m benchmarks.imagenet_x [--rounds 5] [--output results]

Both read the same four files of 50,000 predictions and end at error ratios, alternately, in one
process and one thread; medians of CPU and wall time are compared, and processes of their own from
start to end with their peak memory. Without the released files the predictions are made up, which
costs the same. The table goes to ``OUTPUT/benchmarks/imagenet_x.csv``, its manifest beside it.
"""

import contextlib
import gc
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl

from benchmarks.tables import parser_of, publish
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import published, wheel
from ssl_lib.evaluation.imagenet_x.counts import tick_sums

MODELS_OF_THE_TESTBED = 335
REPLICATES = 1000


def official(folder: Path) -> np.ndarray:
    from imagenet_x import error_ratio, get_factor_accuracies

    return error_ratio(get_factor_accuracies(str(folder))).sort_index().to_numpy()


def official_loaded(models: dict[str, pd.DataFrame]) -> np.ndarray:
    """Annotations, merging and statistic, with the prediction files read already."""
    from imagenet_x import FACTORS, augment_model_predictions, load_annotations
    from imagenet_x.aggregate import compute_factor_accuracies, error_ratio

    augmented = augment_model_predictions(load_annotations(), dict(models))
    return error_ratio(compute_factor_accuracies(augmented, FACTORS)).sort_index().to_numpy()


def ours(files: list[Path]) -> np.ndarray:
    return ours_loaded([ix.load_predictions(file) for file in files])


def ours_loaded(predictions: list[ix.Predictions]) -> np.ndarray:
    """Packed annotations from disk, as a fresh process does it, scoring and statistic."""
    wheel._packed.cache_clear()
    return ix.score(predictions, ix.load_annotations()).counts().error_ratio


@contextlib.contextmanager
def prediction_files() -> Iterator[Path]:
    """Yield a folder of four prediction files: the released ones, or made-up ones."""
    with tempfile.TemporaryDirectory() as scratch:
        remotes = published.remotes("predictions")
        for remote in remotes:
            target = Path(scratch) / Path(remote.path).name
            if remote.local.is_file():
                shutil.copyfile(remote.local, target)
            else:
                make_predictions(target)
        yield Path(scratch)


def make_predictions(target: Path) -> None:
    random = np.random.default_rng(len(target.name))
    labels = np.repeat(np.arange(1000), 50)
    classes = np.where(random.random(50_000) < 0.75, labels, random.integers(0, 1000, 50_000))
    rows = zip(ix.folder_image_ids(), classes, random.random(50_000), strict=True)
    lines = [f"ILSVRC2012_val_{number:08d}.JPEG,{k},{p:.10f}" for number, k, p in rows]
    target.write_text("\n".join(["file_name,predicted_class,predicted_probability", *lines]))


def alternate(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Return median milliseconds of CPU and wall time; rounds alternate so that noise is shared."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            run()
            spent[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {
        name: {
            "cpu_ms": 1e3 * statistics.median(cpu for cpu, _ in times),
            "wall_ms": 1e3 * statistics.median(wall for _, wall in times),
        }
        for name, times in spent.items()
    }


def compare(
    what: str, theirs: Callable[[], object], own: Callable[[], object], rounds: int
) -> list[dict[str, object]]:
    np.testing.assert_array_equal(own(), theirs())  # no speed without the same numbers
    times = alternate({"official": theirs, "ssl_lib": own}, rounds)
    return [row(what, side, **numbers) for side, numbers in times.items()]


def row(what: str, side: str, **numbers: float) -> dict[str, object]:
    return {"task": what, "side": side, **numbers}


def many_models(rounds: int) -> dict[str, object]:
    """The matrix product alone, for as many models as ImageNet-Testbed has."""
    table = ix.load_annotations()
    correct = np.random.default_rng(0).random((MODELS_OF_THE_TESTBED, len(table))) < 0.7
    times = alternate({"ssl_lib": lambda: tick_sums(correct, table.factors)}, rounds)
    what = f"matrix product, {MODELS_OF_THE_TESTBED} models"
    return row(what, "ssl_lib", **times["ssl_lib"])


def bootstrap(predictions: list[ix.Predictions], rounds: int) -> list[dict[str, object]]:
    scored = ix.score(predictions, ix.load_annotations())
    sides = {
        "ssl_lib": lambda: ix.bootstrap_error_ratio(scored, replicates=REPLICATES),
        "resampling images": lambda: resample_images(scored, REPLICATES // 100),
    }
    times = alternate(sides, rounds)
    # A hundredth of the replicates is measured: the loop's cost is the same for each.
    slow = {name: 100 * value for name, value in times["resampling images"].items()}
    what = f"bootstrap, {len(scored)} models, {REPLICATES} replicates"
    return [row(what, "resampling images", **slow), row(what, "ssl_lib", **times["ssl_lib"])]


def resample_images(scored: ix.Scored, replicates: int) -> None:
    random, n = np.random.default_rng(0), len(scored.table)
    for _ in range(replicates):
        rows = random.integers(0, n, n)
        ix.factor_counts(scored.correct[:, rows], scored.table.factors[rows]).error_ratio  # noqa: B018


# Run by themselves, without the imports of this module.
WHOLE_RUN = {
    "official": "from imagenet_x import error_ratio, get_factor_accuracies\n"
    "error_ratio(get_factor_accuracies({folder!r}))",
    "ssl_lib": "import pathlib\nfrom ssl_lib.evaluation import imagenet_x as ix\n"
    "files = sorted(pathlib.Path({folder!r}).iterdir())\n"
    "ix.evaluate([ix.load_predictions(file) for file in files]).counts.error_ratio",
}
# Not ru_maxrss for the peak: a child starts with that of the process which it was forked from.
USAGE = """
import os, re
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
used = os.times()
print(int(peak[1]) / 1024, 1e3 * (used.user + used.system))
"""


def whole_runs(folder: Path, rounds: int) -> list[dict[str, object]]:
    """Time a process of its own from start to end, and take its peak resident memory (Linux)."""
    measured: dict[str, list[tuple[float, ...]]] = {side: [] for side in WHOLE_RUN}
    for _ in range(rounds):
        for side, code in WHOLE_RUN.items():
            command = [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                code.format(folder=str(folder)) + USAGE,
            ]
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            wall = 1e3 * (time.perf_counter() - start)
            measured[side].append((*map(float, done.stdout.split()), wall))
    rows = []
    for side, runs in measured.items():
        peak, cpu, wall = (statistics.median(column) for column in zip(*runs, strict=True))
        rows.append(row("whole process", side, cpu_ms=cpu, wall_ms=wall, peak_mb=peak))
    return rows


def measure(config: dict[str, int]) -> pd.DataFrame:
    from imagenet_x import load_model_predictions

    rounds = config["rounds"]
    with (
        prediction_files() as folder,
        warnings.catch_warnings(),
        threadpoolctl.threadpool_limits(1),
    ):
        warnings.simplefilter("ignore")  # what the official package says to a new pandas
        files = sorted(folder.iterdir())
        predictions = [ix.load_predictions(file) for file in files]
        loaded, _ = load_model_predictions(str(folder))
        loaded = {model.name: loaded[model.name] for model in predictions}
        rows = [
            *compare("CSV to error ratios", lambda: official(folder), lambda: ours(files), rounds),
            *compare(
                "annotations and statistic",
                lambda: official_loaded(loaded),
                lambda: ours_loaded(predictions),
                rounds,
            ),
            many_models(rounds),
            *bootstrap(predictions, rounds),
            *whole_runs(folder, 3),
        ]
    return with_ratios(pd.DataFrame(rows))


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Add how many times as much as this library the other side of a task spends."""
    for measured in ("cpu_ms", "wall_ms", "peak_mb"):
        own = table[table["side"] == "ssl_lib"].set_index("task")[measured]
        ratio = table[measured] / table["task"].map(own)
        table[measured.partition("_")[0] + "_ratio"] = ratio.where(table["side"] != "ssl_lib")
    return table.round(3)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    publish("imagenet_x", measure, parser.parse_args(), uses=[ix.evaluate])


if __name__ == "__main__":
    main()
