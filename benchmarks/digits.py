"""Every method on scikit-learn's digits, a few seconds each; and DIET's own small protocol.

    python -m benchmarks.digits [--methods simclr dissl] [--seeds 0 1] [--diet-seeds 0 1 2]

First table, ``digits``: an MLP 64-128-64 with heads 64-128-32 (64-128-128 for the VICReg family),
AdamW with a rate of 3e-3, batch 256, 400 steps, shifts, gain, noise and blocks of 2 x 2 masked with
p = 0.1. The columns are accuracies on the 500 test images: of a logistic probe on 2 labels a class
(mean of 20 draws), of one on all labels, of 20 nearest neighbours; then RankMe of the training
features, the loss of the first and the last epoch, and CPU seconds of training. ``random`` is
the encoder as it starts, ``pixels`` none.

Second table, ``digits_diet``: DIET's dossier at its quick recipe. Three convolutions and a layer of
128, AdamW with a rate of 4e-3 and a decay of 0.05, batch 128, 4 of 30 epochs of warm-up, label
smoothing 0.8; logistic probes on 1, 5 and 10 labels a class (5 draws) and on all. Both go to
``OUTPUT/benchmarks``, each with its manifest.
"""

import time
from typing import Any

import pandas as pd
import torch

from benchmarks.tables import parser_of, publish
from ssl_lib import data
from ssl_lib.data.views import Policy, policy
from ssl_lib.data.views.colour import Intensity
from ssl_lib.data.views.geometry import Affine
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import few_shot_probe
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import logistic_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import METHODS, Method, build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import Run, pretrain
from ssl_lib.training.runs import one_view

CONTRASTIVE = {"head": (128, 32)}
DECORRELATED = {"head": (128, 128)}
PROTOTYPES = {"head": (128, 32), "n_prototypes": 64}
# The paper's linear bottleneck with BatchNorm: without it the linear student learns slowly from
# features that are never negative.
DISTILLED = {
    "n_latents": 128,
    "teacher_hidden": (128,),
    "rank": 64,
    "teacher_temperature": 0.25,
    "student_temperature": 0.5,
}
OPTIONS = {
    "simclr": CONTRASTIVE,
    "cissl": {"teacher_hidden": (128,), "embedding_dim": 32},
    "spectral": {**CONTRASTIVE, "mu": 10.0},
    "vicreg": DECORRELATED,
    "vicreg_info": DECORRELATED,
    "sigreg": DECORRELATED,
    "barlow_twins": DECORRELATED,
    "byol": {**CONTRASTIVE, "predictor": (128,)},
    "swav": PROTOTYPES,
    "dino": PROTOTYPES,
    "dissl": DISTILLED,
    "msn": PROTOTYPES,
    "pmsn": PROTOTYPES,
    "diet": {},
    "supervised": {},
}


def make(name: str, images: data.ImageData, seed: int) -> Method:
    encoder = build_encoder(
        "mlp", in_channels=1, image_size=8, hidden=(128,), out_dim=64, activation="relu", seed=seed
    )
    return build_method(name, encoder, n_data=len(images), n_classes=10, seed=seed, **OPTIONS[name])


def train(method: Method, images: data.ImageData, *, seed: int, steps: int) -> list[float]:
    """Return the loss of each epoch."""
    views = policy("digits", size=8, variant="blocks", mask=0.1)
    epochs = max(1, steps // (len(images) // 256))
    config = TrainingConfig(epochs=epochs, batch_size=256, learning_rate=3e-3, seed=seed)
    views = one_view(views) if method.min_views == 1 else views
    run = pretrain(method, images, policy=views, config=config, progress=False)
    return [entry["loss"] for entry in run.history]


def judge(encoder: torch.nn.Module, draws: int = 20) -> dict[str, float]:
    train, test = data.load("digits"), data.load("digits", split="test")
    x, z = (extract(encoder, part.images) for part in (train, test))
    few = few_shot_probe(x, train.labels, z, test.labels, shots=[2], draws=draws)
    return {
        "few2": few["accuracy"].mean(),
        "linear": logistic_probe(x, train.labels, z, test.labels).accuracy,
        "knn": knn_accuracy(x, train.labels, z, test.labels, k=20),
        "rankme": rankme(x),
    }


def every_method(config: dict[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    images = data.load("digits")
    rows: list[dict[str, Any]] = [{"method": "pixels", **judge(torch.nn.Flatten())}]
    for seed in config["seeds"]:
        random = make("simclr", images, seed).encoder
        rows.append({"method": "random", "seed": seed, **judge(random)})
        for name in config["methods"]:
            method, start = make(name, images, seed), time.process_time()
            losses = train(method, images, seed=seed, steps=config["steps"])
            spent = time.process_time() - start
            ends = {"first loss": losses[0], "last loss": losses[-1], "seconds": spent}
            rows.append({"method": name, "seed": seed, **judge(method.encoder), **ends})
    return pd.DataFrame(rows).round(4)


# In one resampling: crop, shift and rotation in a row blur 8 x 8 pixels, and more images look alike
# than in the dossier's runs. After its 200 epochs at a rate of 5e-4 the loss was 6.87 there, is
# 6.82 with this recipe and 6.98 with the policy "digits" of variant "diet-2".
DIET_VIEWS = Policy(
    name="digits-diet",
    recipes=(
        (
            Affine(degrees=15, scale=(1.0, 1 / 0.7), translate=1),
            Intensity(contrast=(0.7, 1.3), offset=(-0.2, 0.2)),
        ),
    ),
    n_global=1,
)


def diet_encoder(seed: int) -> torch.nn.Module:
    return build_encoder("convnet", in_channels=1, image_size=8, out_dim=128, seed=seed)


def train_diet(images: data.ImageData, *, seed: int, epochs: int = 30) -> Run:
    method = build_method("diet", diet_encoder(seed), n_data=len(images), seed=seed)
    config = TrainingConfig(
        epochs=epochs,
        batch_size=128,
        learning_rate=4e-3,
        weight_decay=0.05,
        warmup_epochs=min(10, epochs // 10 + 1),
        seed=seed,
    )
    return pretrain(method, images, policy=DIET_VIEWS, config=config, progress=False)


def judge_diet(encoder: torch.nn.Module) -> dict[str, float]:
    train, test = data.load("digits"), data.load("digits", split="test")
    x, z = (extract(encoder, part.images) for part in (train, test))
    few = few_shot_probe(x, train.labels, z, test.labels, shots=[1, 5, 10], draws=5)
    means = few.groupby("shots")["accuracy"].mean()
    return {
        **{f"few{shots}": means[shots] for shots in (1, 5, 10)},
        "linear": logistic_probe(x, train.labels, z, test.labels).accuracy,
        "rankme": rankme(z),
    }


def diet(config: dict[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(1)
    images = data.load("digits")
    rows: list[dict[str, Any]] = [{"method": "pixels", **judge_diet(torch.nn.Flatten())}]
    for seed in config["seeds"]:
        rows.append({"method": "random", "seed": seed, **judge_diet(diet_encoder(seed))})
        start = time.process_time()
        run = train_diet(images, seed=seed, epochs=config["epochs"])
        spent = time.process_time() - start
        ends = {"last loss": run.history[-1]["loss"], "seconds": spent}
        rows.append({"method": "diet", "seed": seed, **judge_diet(run.method.encoder), **ends})
    return pd.DataFrame(rows).round(4)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--diet-seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--diet-epochs", type=int, default=30)
    args = parser.parse_args()
    every = {"methods": args.methods, "seeds": args.seeds, "steps": args.steps}
    own = {"seeds": args.diet_seeds, "epochs": args.diet_epochs}
    publish("digits", every_method, args, every)
    publish("digits_diet", diet, args, own)


if __name__ == "__main__":
    main()
