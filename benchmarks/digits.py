"""Every method on scikit-learn's digits: small networks, a few seconds each, one table.

    python benchmarks/digits.py --methods simclr dissl --seeds 0 1

An MLP 64-128-64 with heads 64-128-32 (64-128-128 for the VICReg family), AdamW with a rate of
3e-3, batch 256, 400 steps, shifts, gain, noise and blocks of 2 x 2 masked with p = 0.1. The columns
are accuracies on the 500 test images: of a logistic probe on 2 labels a class (mean of 20
draws), of one on all labels, of 20 nearest neighbours; then RankMe of the training features, the
loss of the first and the last epoch, and CPU seconds of training. ``random`` is the encoder as it
starts, ``pixels`` none.
"""

import argparse
import time

import pandas as pd
import torch

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import few_shot_probe
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import logistic_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import METHODS, Method, build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.runs import one_view

CONTRASTIVE = {"head": (128, 32)}
DECORRELATED = {"head": (128, 128)}
PROTOTYPES = {"head": (128, 32), "n_prototypes": 64}
DISTILLED = {"n_latents": 128, "teacher_hidden": (128,), "rank": None}
OPTIONS = {
    "simclr": CONTRASTIVE,
    "cissl": {"teacher_hidden": (128,), "embedding_dim": 32},
    "spectral": {**CONTRASTIVE, "mu": 10.0},
    "vicreg": DECORRELATED,
    "vicreg_info": DECORRELATED,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    torch.set_num_threads(1)
    images = data.load("digits")
    rows = [{"method": "pixels", **judge(torch.nn.Flatten())}]
    for seed in args.seeds:
        random = make("simclr", images, seed).encoder
        rows.append({"method": "random", "seed": seed, **judge(random)})
        for name in args.methods:
            method, start = make(name, images, seed), time.process_time()
            losses = train(method, images, seed=seed, steps=args.steps)
            spent = time.process_time() - start
            ends = {"first loss": losses[0], "last loss": losses[-1], "seconds": spent}
            rows.append({"method": name, "seed": seed, **judge(method.encoder), **ends})
    print(pd.DataFrame(rows).to_string(index=False, na_rep="", float_format="%.3f"))


if __name__ == "__main__":
    main()
