"""K small networks trained at once, against the same K trained in turn.

    python -m benchmarks.many [--members 20] [--encoder mlp] [--methods supervised simclr]

Each member has its own initialisation, order and views. Rounds alternate, and the medians of CPU
time are compared, or with ``--wall``, and always on a GPU, of wall time. Both ways are given the
same networks; ``largest gap`` is the largest difference between their weights at the end. The table
goes to ``OUTPUT/benchmarks/many.csv``.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import torch

from benchmarks.tables import parser_of, publish
from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.methods import Method, build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many
from ssl_lib.training.runs import one_view


def members(args: argparse.Namespace, images: data.ImageData) -> list[Method]:
    norm = {} if args.norm is None else {"norm": args.norm}
    head = {} if args.method in ("supervised", "diet") else {"head": (64, 32)}
    return [
        build_method(
            args.method,
            build_encoder(args.encoder, in_channels=1, image_size=8, seed=seed, **norm),
            n_data=len(images),
            n_classes=10,
            seed=seed,
            **head,
        )
        for seed in range(args.members)
    ]


def timed(args: argparse.Namespace, images: data.ImageData) -> dict[str, object]:
    config = TrainingConfig(
        epochs=args.epochs, batch_size=args.batch, learning_rate=1e-3, precision="float32"
    )
    recipe = policy("digits", size=8, variant=args.variant)
    if args.method in ("supervised", "diet"):
        recipe = one_view(recipe)

    def at_once(methods: list[Method]) -> None:
        seeds = range(args.members)
        pretrain_many(
            methods, images, policy=recipe, config=config, order_seeds=seeds, views_seeds=seeds,
            device=args.device, progress=False,
        )  # fmt: skip

    def in_turn(methods: list[Method]) -> None:
        for seed, method in enumerate(methods):
            own = dataclasses.replace(config, order_seed=seed, views_seed=seed)
            pretrain(method, images, policy=recipe, config=own, device=args.device, progress=False)

    clock = time.perf_counter if args.wall or args.device == "cuda" else time.process_time
    runs: dict[str, Callable[[list[Method]], None]] = {"at once": at_once, "in turn": in_turn}
    times: dict[str, list[float]] = {name: [] for name in runs}
    trained = {}
    for round_ in range(args.rounds + 1):
        for name, run in runs.items():
            trained[name] = members(args, images)
            start = clock()
            run(trained[name])
            if round_:  # the first round warms up
                times[name].append(clock() - start)
    gap = max(
        float((a - b).detach().abs().max())
        for first, second in zip(*trained.values(), strict=True)
        for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    together, alone = (statistics.median(spent) for spent in times.values())
    return {
        "method": args.method,
        "at once, s": round(together, 3),
        "in turn, s": round(alone, 3),
        "ratio": round(alone / together, 3),
        "largest gap": gap,
    }


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(config["threads"])
    images = data.load("digits")
    return pd.DataFrame(
        [timed(argparse.Namespace(**config, method=name), images) for name in config["methods"]]
    )


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--encoder", default="mlp", choices=("mlp", "convnet"))
    parser.add_argument("--norm", help="of the encoder, for example none")
    parser.add_argument("--methods", nargs="+", default=["supervised", "simclr"])
    parser.add_argument("--variant", default="affine", help="of the digits recipe")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--wall", action="store_true")
    publish("many", measure, parser.parse_args())


if __name__ == "__main__":
    main()
