"""A step of DIET with ImageNet's number of classes, plain and streamed; images/s beside SimCLR.

    python -m benchmarks.diet [--classes 1281167] [--dimension 32] [--batch 256] [--rounds 3]

First table, ``diet_classes``: loss, gradients and update of W, each way in a process of its own.
``memory`` is the largest resident memory above that before W was made, divided by W with its two
moments in float32; ``time`` is the median of CPU seconds divided by that of all classes at once.
Second table, ``diet_images``: images/s of CPU time of DIET (one view) and SimCLR (two) with one
encoder, and DIET's over SimCLR's. Third table, ``diet_views``: views/s of CPU time of DIET with the
network of each set of photographs in the chapter. All go to ``OUTPUT/benchmarks``, each with its
manifest.
"""

import multiprocessing
import resource
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import torch

from benchmarks.tables import parser_of, publish
from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.methods import DIET, Method, build_method
from ssl_lib.models import MLP, build_encoder
from ssl_lib.papers.diet import photographs
from ssl_lib.papers.diet.photographs import Photographs
from ssl_lib.papers.diet.settings import Settings
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.optimisers import build_optimiser
from ssl_lib.training.runs import one_view

WAYS: dict[str, dict[str, Any]] = {
    "all at once": {"chunk": None},
    "streamed": {"chunk": 8192},
    "streamed, bfloat16": {"chunk": 8192, "weight_dtype": "bfloat16"},
    "sampled 8192": {"sampled": 8192},
}
SHAPES = {
    "fashion-mnist": (1, 28), "cifar10": (3, 32), "cifar100": (3, 32), "tiny-imagenet": (3, 64),
}  # fmt: skip


def resident() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_way(config: Mapping[str, Any], way: str) -> tuple[float, float]:
    """Return seconds of a step and the memory it needs, beside W with its moments."""
    torch.set_num_threads(1)
    width, n_data = config["dimension"], config["classes"]
    encoder = MLP(width, width)
    build_optimiser(DIET(encoder, n_data=4), TrainingConfig())  # imports what a step imports
    before = resident()
    method = DIET(encoder, n_data=n_data, **WAYS[way])
    optimiser = build_optimiser(method, TrainingConfig())
    features = torch.randn(config["batch"], width)
    rows = torch.randperm(n_data)[: config["batch"]]
    seconds = []
    for _ in range(config["rounds"]):
        start = time.process_time()
        optimiser.zero_grad(set_to_none=True)
        loss = (
            method._sampled([features], rows) if method.sampled else method._one(features, rows)[0]
        )
        loss.backward()
        optimiser.step()
        seconds.append(time.process_time() - start)
    state = 3 * 4 * n_data * width
    return statistics.median(seconds), (resident() - before) / state


def classes(config: Mapping[str, Any]) -> pd.DataFrame:
    context, rows = multiprocessing.get_context("spawn"), []
    for way in WAYS:
        with context.Pool(1) as pool:
            seconds, memory = pool.apply(one_way, (dict(config), way))
        rows.append({"way": way, "memory": memory, "seconds": seconds})
    table = pd.DataFrame(rows)
    return table.assign(time=table.seconds / table.seconds[0]).round(3)


def images(config: Mapping[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    drawn = data.load("shapes", n=config["images"], size=32)
    rows = []
    for name in ("simclr", "diet"):
        encoder = build_encoder("resnet9", in_channels=3, image_size=32, width=16)
        method: Method = build_method(name, encoder, n_data=len(drawn))
        views = policy("simclr", size=32)
        views = one_view(views) if name == "diet" else views
        how = TrainingConfig(epochs=2, batch_size=128)
        start = time.process_time()
        pretrain(method, drawn, policy=views, config=how, progress=False)
        spent = time.process_time() - start
        seen = how.epochs * (len(drawn) // how.batch_size) * how.batch_size
        rows.append({"method": name, "images/s": seen / spent})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["images/s"] / table["images/s"][0]).round(2)


def views(config: Mapping[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    rows = []
    for profile, sets in photographs.SETS.items():
        for name, count in sets.items():
            made = photographs.experiments(Settings(profile=profile, data=name))
            how = made["photographs"].config
            if not rows:
                _views_a_second(how, count, SHAPES[name], 1)  # imports what training imports
            rate = _views_a_second(how, count, SHAPES[name], config["steps"])
            rows.append({"data": name, "views/s": rate})
    return pd.DataFrame(rows).round(1)


def _views_a_second(how: Photographs, count: int, shape: tuple[int, int], steps: int) -> float:
    channels, size = shape
    drawn = data.load("shapes", n=steps * how.batch_size, size=size)
    drawn = replace(drawn, images=drawn.images[:, :channels].contiguous(), fingerprint="")
    options: dict[str, Any] = dict(how.encoder_options)
    encoder = build_encoder(how.encoder, in_channels=channels, image_size=size, **options)
    method = DIET(encoder, n_data=how.images or count)
    start = time.process_time()
    pretrain(
        method, drawn, policy=policy("diet", size=size, strength=how.strength),
        config=TrainingConfig(epochs=1, batch_size=how.batch_size), progress=False,
    )  # fmt: skip
    return len(drawn) / (time.process_time() - start)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--classes", type=int, default=1_281_167)
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    step = {name: getattr(args, name) for name in ("classes", "dimension", "batch", "rounds")}
    publish("diet_classes", classes, args, step)
    publish("diet_images", images, args, {"images": args.images})
    publish("diet_views", views, args, {"steps": args.steps})


if __name__ == "__main__":
    main()
