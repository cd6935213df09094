"""Curves of ensembles over many draws against a plain loop; training members at once or in turn.

    python -m benchmarks.fairness [--members 20] [--images 10000] [--classes 200] [--draws 1000]

Members are made up with about the accuracy of a network on TinyImageNet. The loop averages the
probabilities of each drawn ensemble; a small part of its draws is timed and scaled, and its answers
on that part must equal the library's. The digits members of the FAIR-Ensemble chapter are trained
by one engine, all at once or one after another. One thread. The table goes to
``OUTPUT/benchmarks/fairness.csv``, its manifest beside it.
"""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl

from benchmarks.tables import parser_of, publish
from ssl_lib.evaluation import fairness
from ssl_lib.evaluation.fairness.curves import draw_ensembles
from ssl_lib.papers.fair_ensemble import Settings
from ssl_lib.papers.fair_ensemble import training as chapter
from ssl_lib.papers.fair_ensemble.recipes import recipe
from ssl_lib.papers.fair_ensemble.settings import EVERYTHING

PART = 5  # draws of each size that the loop is timed on
ALONE = 3  # members that are trained one by one
MARGIN = 4.2  # of the label's logit: single members are right on about half of the images


def made_up(m: int, n: int, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (m, n, c) in single precision, and labels."""
    random = np.random.default_rng(0)
    labels = np.arange(n) % c
    image = 1.6 * random.standard_normal((n, c), dtype=np.float32)
    image[np.arange(n), labels] += MARGIN * np.linspace(1.3, 0.5, c, dtype=np.float32)[labels]
    members = np.empty((m, n, c), dtype=np.float32)
    for member in members:
        member[:] = fairness.softmax(image + random.standard_normal((n, c), dtype=np.float32))
    return members, labels


def loop(probabilities: np.ndarray, labels: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
    """Average each drawn ensemble's probabilities in turn."""
    curve = np.zeros((len(masks), len(labels)))
    for row, drawn in zip(curve, masks, strict=True):
        for mask in drawn:
            row += probabilities[mask].mean(axis=0).argmax(axis=1) == labels
        row /= len(drawn)
    return curve


def ours(probabilities: np.ndarray, labels: np.ndarray, draws: int) -> fairness.EnsembleCurve:
    return fairness.ensemble_curve(probabilities, labels, draws=draws)


def peak_megabytes() -> float:
    """Return the peak resident memory of this process (Linux)."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def measure_side(side: str, m: int, n: int, c: int, draws: int) -> dict[str, object]:
    """Time one side in this process, which does nothing else."""
    probabilities, labels = made_up(m, n, c)
    before = peak_megabytes()
    ensembles = [len(draw_ensembles(m, size, draws=draws, seed=0)) for size in range(1, m + 1)]
    start, cpu = time.perf_counter(), time.process_time()
    if side == "ssl_lib":
        ours(probabilities, labels, draws)
        scale = 1.0
    else:
        masks = [draw_ensembles(m, size, draws=draws, seed=0)[:PART] for size in range(1, m + 1)]
        loop(probabilities, labels, masks)
        scale = sum(ensembles) / sum(map(len, masks))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "task": "curves", "side": side, "members": m, "images": n, "classes": c, "draws": draws,
        "ensembles": sum(ensembles), "timed_share": 1 / scale, "wall_s": scale * wall,
        "cpu_s": scale * cpu, "input_mb": probabilities.nbytes / 2**20,
        "extra_peak_mb": peak_megabytes() - before,
    }  # fmt: skip


def training(side: str) -> dict[str, object]:
    """Time the chapter's digits members: all at once, or a few one by one, scaled to all."""
    settings = Settings()
    run, seed = recipe(settings), settings.every_seed[0]
    images = chapter.draw(run, seed).train
    everyone = chapter.members(EVERYTHING, run.members, seed)
    groups = [everyone] if side == "ssl_lib" else [[member] for member in everyone[:ALONE]]
    unused = Path()  # perceptrons keep no checkpoints
    chapter.train(replace(run, epochs=1, warmup_epochs=0.0), images, groups[0], unused)  # warm-up
    start, cpu = time.perf_counter(), time.process_time()
    for group in groups:
        chapter.train(run, images, group, unused)
    scale = len(everyone) / sum(map(len, groups))
    wall, cpu = scale * (time.perf_counter() - start), scale * (time.process_time() - cpu)
    seen = len(everyone) * run.epochs * (len(images) // run.batch_size) * run.batch_size
    return {
        "task": "train on digits", "side": side, "members": len(everyone), "images": len(images),
        "timed_share": 1 / scale, "wall_s": wall, "cpu_s": cpu, "images_per_cpu_s": seen / cpu,
    }  # fmt: skip


def check_equal(m: int, c: int) -> None:
    """No speed without the same numbers."""
    probabilities, labels = made_up(m, 500, c)
    masks = [draw_ensembles(m, size, draws=PART, seed=0) for size in range(1, m + 1)]
    expected = loop(probabilities, labels, masks)
    np.testing.assert_allclose(ours(probabilities, labels, PART).right, expected, atol=1e-9)


def measure(config: dict[str, int]) -> pd.DataFrame:
    sizes = [config[name] for name in ("members", "images", "classes", "draws")]
    check_equal(sizes[0], sizes[2])
    rows = []
    for call in (
        f"measure_side('plain loop', *{sizes})",
        f"measure_side('ssl_lib', *{sizes})",
        "training('one after another')",
        "training('ssl_lib')",
    ):
        code = (
            "import json, threadpoolctl, torch\nfrom benchmarks.fairness import *\n"
            "torch.set_num_threads(1)\n"
            f"with threadpoolctl.threadpool_limits(1): print(json.dumps({call}))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        rows.append(pd.DataFrame([json.loads(done.stdout)]))
    table = pd.concat(rows, ignore_index=True)
    slow = table.groupby("task").cpu_s.transform("first")
    table["speed_up"] = slow / table.cpu_s  # of processor time: cores may be shared
    return table.round(3)


def main() -> None:
    parser = parser_of(__doc__)
    for name, default in (("members", 20), ("images", 10_000), ("classes", 200), ("draws", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    with threadpoolctl.threadpool_limits(1):
        publish("fairness", measure, args, uses=[ours, measure_side, training])


if __name__ == "__main__":
    main()
