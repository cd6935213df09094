"""Methods on CIFAR-10 with a small ResNet-9, in minutes of one CPU core each: one table.

    python -m benchmarks.cifar10 [--methods simclr diet] [--epochs 4] [--width 8]

Each method is trained on images of a class-balanced draw, without labels, in bfloat16 and one
thread. The columns: images and epochs, CPU seconds of training and images a second of them (an
image counts once, however many views it has), the loss of the first and of the last epoch; then,
with the frozen encoder, 20 nearest neighbours and a ridge probe, both with the labels of the same
10,000 training images for all and judged on the test split, and RankMe of these images' features.
``random`` is the encoder as it starts, ``pixels`` none. Settings come from the dossiers and from
trials judged on 5,000 images of the training split, never on the test split. The table goes to
``OUTPUT/benchmarks/cifar10.csv``, its manifest beside it.
"""

import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks.tables import parser_of, publish
from ssl_lib import data
from ssl_lib.data.views import Normalise, Policy
from ssl_lib.data.views.recipes import standard_recipe
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import ridge_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import Method
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import RunSpec, TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.runs import assemble, normalisation, one_view, specify

# Smallest crop, options and rates (AdamW) of each method.
METHODS: dict[str, dict[str, Any]] = {
    "simclr": {
        "images": 20_000,
        "epochs": 12,
        "crop": 0.08,
        "method_options": {"head": (256, 128), "temperature": 0.2},
        "training": {"learning_rate": 2e-3},
    },
    "vicreg": {
        "images": 20_000,
        "epochs": 12,
        "crop": 0.08,
        "method_options": {"head": (512, 512)},
        "training": {"learning_rate": 2e-3},
    },
    "dissl": {
        "images": 20_000,
        "epochs": 12,
        "crop": 0.08,
        # As many latents as images in a batch. Without the paper's bottleneck, BatchNorm in it, the
        # student takes twice as long, and sharper temperatures leave most latents unused.
        "method_options": {"n_latents": 128, "teacher_hidden": (512,), "rank": 128},
        "training": {"learning_rate": 2e-3},
    },
    "diet": {
        # An index has one example an epoch: a hundred epochs, of few images.
        "images": 5_000,
        "epochs": 100,
        "crop": 0.2,
        "training": {"learning_rate": 2e-3, "weight_decay": 0.05},
    },
}


def describe(name: str, images: data.ImageData, config: dict[str, Any]) -> RunSpec:
    chosen, epochs = METHODS[name], config["runs"][name]["epochs"]
    training = TrainingConfig(
        epochs=epochs,
        batch_size=config["batch"],
        warmup_epochs=min(1.0, epochs / 10),
        precision="bfloat16",
        seed=config["seed"],
        **chosen["training"],
    )
    return specify(
        method=name,
        data=images,
        encoder="resnet9",
        encoder_options={"width": config["width"]},
        method_options=chosen.get("method_options"),
        training=training,
    )


def views(spec: RunSpec) -> Policy:
    """SimCLR's recipe for small images, the method's smallest crop in it."""
    recipe = standard_recipe(
        spec.image_size, scale=(METHODS[spec.method]["crop"], 1.0), jitter=(0.4, 0.4, 0.4, 0.1)
    )
    return Policy(name="cifar10", recipes=(recipe, recipe)).then(
        Normalise(mean=spec.mean, std=spec.std)
    )


def balanced(images: data.ImageData, number: int, seed: int) -> data.ImageData:
    generator = torch_generator(seed, "benchmark", images.name)
    fraction = min(1.0, number / len(images))
    return images.subset(data.stratified_fraction(images.labels, fraction, generator=generator))


def judge(
    encoder: Callable[[Tensor], Tensor],
    labelled: data.ImageData,
    test: data.ImageData,
    normalise: Callable[[Tensor], Tensor],
) -> dict[str, float]:
    x, z = (extract(encoder, part.images, transform=normalise) for part in (labelled, test))
    return {
        "knn": knn_accuracy(x, labelled.labels, z, test.labels, k=20),
        "linear": ridge_probe(x, labelled.labels, z, test.labels).accuracy,
        "rankme": rankme(x),
    }


def train_one(spec: RunSpec, images: data.ImageData) -> tuple[Method, dict[str, object]]:
    method, _ = assemble(spec)
    policy = one_view(views(spec)) if method.min_views == 1 else views(spec)
    start = time.process_time()
    run = pretrain(method, images, policy=policy, config=spec.training, progress=False)
    seconds = time.process_time() - start
    seen = run.history[-1]["step"] * spec.training.batch_size
    return method, {
        "method": spec.method,
        "images": len(images),
        "epochs": spec.training.epochs,
        "seconds": seconds,
        "images/s": seen / seconds,
        "first loss": run.history[0]["loss"],
        "last loss": run.history[-1]["loss"],
    }


def measure(config: dict[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    whole = data.load("cifar10")
    labelled = balanced(whole, config["labelled"], config["seed"])
    test = balanced(data.load("cifar10", split="test"), config["test_images"], config["seed"])
    rows: list[dict[str, object]] = []
    for name, size in config["runs"].items():
        images = balanced(whole, size["images"], config["seed"])
        spec = describe(name, images, config)
        if not rows:
            untrained, normalise = assemble(spec)[0].encoder, normalisation(spec)
            for what, encoder in (("pixels", torch.nn.Flatten()), ("random", untrained)):
                rows.append({"method": what, **judge(encoder, labelled, test, normalise)})
        method, about = train_one(spec, images)
        rows.append({**about, **judge(method.encoder, labelled, test, normalisation(spec))})
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    first = ["method", "images", "epochs", "seconds", "images/s", "first loss", "last loss"]
    return pd.DataFrame(rows, columns=[*first, "knn", "linear", "rankme"]).round(4)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=[*METHODS])
    parser.add_argument("--images", type=int, help="of training, instead of each method's own")
    parser.add_argument("--epochs", type=int, help="instead of each method's own")
    parser.add_argument("--labelled", type=int, default=10_000, help="images of the probes")
    parser.add_argument("--test-images", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    runs = {
        name: {key: getattr(args, key) or METHODS[name][key] for key in ("images", "epochs")}
        for name in args.methods
    }
    rest = ("labelled", "test_images", "batch", "width", "seed")
    config = {"runs": runs, **{key: getattr(args, key) for key in rest}}
    files = [data.load("cifar10", split=split) for split in ("train", "test")]
    publish(
        "cifar10", measure, args, config, data={part.source: part.fingerprint for part in files}
    )


if __name__ == "__main__":
    main()
