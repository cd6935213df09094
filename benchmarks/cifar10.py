"""Methods on CIFAR-10 with a small ResNet-9, in minutes of one CPU core each: one table.

    python -m benchmarks.cifar10 [--methods simclr diet] [--images 10000] [--width 16]

Each method is trained on a class-balanced draw, without labels, in bfloat16 and one thread. The
columns: epochs, CPU seconds of training and images a second of them (an image counts once, however
many views it has), the loss of the first and of the last epoch; then, with the frozen encoder,
20 nearest neighbours and a logistic probe, both with the labels of the same images and judged on
the test split, and RankMe of the images' features. ``random`` is the encoder as it starts,
``pixels`` none. Settings come from the dossiers and from trials judged on other training images,
never on the test split. The table goes to ``OUTPUT/benchmarks/cifar10.csv``, its manifest beside
it.
"""

import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks.tables import parser_of, publish
from ssl_lib import data
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import logistic_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import RunSpec, TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.runs import assemble, normalisation, specify

# Heads in proportion to the 128 features of width 16; rates of AdamW.
METHODS: dict[str, dict[str, Any]] = {
    "simclr": {
        "method_options": {"head": (256, 128), "temperature": 0.2},
        "training": {"learning_rate": 2e-3},
    },
    "vicreg": {
        "method_options": {"head": (512, 512)},
        "training": {"learning_rate": 2e-3},
    },
    "dissl": {
        "method_options": {
            "n_latents": 128,  # of the order of the batch, as small data want
            "teacher_hidden": (512,),
            "rank": None,
            "teacher_temperature": 0.25,
            "student_temperature": 0.5,
        },
        "policy_options": {"data": "cifar10"},
        "training": {"learning_rate": 2e-3},
    },
    # The rate and the batch that the dossier found on digits; the decay of the public scripts.
    "diet": {
        "policy_options": {"strength": 2},
        "training": {"learning_rate": 4e-3, "weight_decay": 0.05},
    },
}


def describe(name: str, images: data.ImageData, config: dict[str, Any]) -> RunSpec:
    chosen = METHODS[name]
    epochs = config["epochs"][name]
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
        policy_options=chosen.get("policy_options"),
        method_options=chosen.get("method_options"),
        training=training,
    )


def balanced(images: data.ImageData, number: int, seed: int) -> data.ImageData:
    generator = torch_generator(seed, "benchmark", images.name)
    fraction = min(1.0, number / len(images))
    return images.subset(data.stratified_fraction(images.labels, fraction, generator=generator))


def judge(
    encoder: Callable[[Tensor], Tensor],
    train: data.ImageData,
    test: data.ImageData,
    normalise: Callable[[Tensor], Tensor],
) -> dict[str, float]:
    x, z = (extract(encoder, part.images, transform=normalise) for part in (train, test))
    return {
        "knn": knn_accuracy(x, train.labels, z, test.labels, k=20),
        "linear": logistic_probe(x, train.labels, z, test.labels).accuracy,
        "rankme": rankme(x),
    }


def train_one(spec: RunSpec, train: data.ImageData, test: data.ImageData) -> dict[str, object]:
    method, views = assemble(spec)
    start = time.process_time()
    run = pretrain(method, train, policy=views, config=spec.training, progress=False)
    seconds = time.process_time() - start
    seen = run.history[-1]["step"] * spec.training.batch_size
    return {
        "method": spec.method,
        "epochs": spec.training.epochs,
        "seconds": seconds,
        "images/s": seen / seconds,
        "first loss": run.history[0]["loss"],
        "last loss": run.history[-1]["loss"],
        **judge(method.encoder, train, test, normalisation(spec)),
    }


def measure(config: dict[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    train = balanced(data.load("cifar10"), config["images"], config["seed"])
    test = balanced(data.load("cifar10", split="test"), config["test_images"], config["seed"])
    specs = [describe(name, train, config) for name in config["epochs"]]
    encoder, normalise = assemble(specs[0])[0].encoder, normalisation(specs[0])
    rows: list[dict[str, object]] = [
        {"method": "pixels", **judge(torch.nn.Flatten(), train, test, normalise)},
        {"method": "random", **judge(encoder, train, test, normalise)},
    ]
    for spec in specs:
        rows.append(train_one(spec, train, test))
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    columns = ["method", "epochs", "seconds", "images/s", "first loss", "last loss"]
    return pd.DataFrame(rows, columns=[*columns, "knn", "linear", "rankme"]).round(4)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=[*METHODS])
    parser.add_argument("--images", type=int, default=10_000, help="of training")
    parser.add_argument("--test-images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--diet-epochs", type=int, help="by default five times as many")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    epochs = dict.fromkeys(args.methods, args.epochs)
    if "diet" in epochs:  # one view, and one positive example of each index, an epoch
        epochs["diet"] = args.diet_epochs or 5 * args.epochs
    args.epochs = epochs
    del args.methods, args.diet_epochs
    files = [data.load("cifar10", split=split) for split in ("train", "test")]
    publish("cifar10", measure, args, data={part.source: part.fingerprint for part in files})


if __name__ == "__main__":
    main()
