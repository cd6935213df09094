"""Cells of a real experiment that a second computes: SimCLR on digits, one initialisation each.

As a program it prints the rows of the given seeds: ``python small_training.py 0 1``.
"""

import sys

import pandas as pd
import torch

from ssl_lib import data
from ssl_lib.data.subsets import stratified_split
from ssl_lib.data.views import policy
from ssl_lib.evaluation.linear import ridge_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import build_method
from ssl_lib.models import build_encoder
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.many import pretrain_many


def split():
    every = data.load("digits", split="all")
    fit, judge = stratified_split(every.labels, generator=torch_generator(0, "split"), n_test=500)
    return every.subset(fit), every.subset(judge)


def member(seed):
    encoder = build_encoder("mlp", in_channels=1, image_size=8, hidden=(32,), out_dim=64, seed=seed)
    return build_method("simclr", encoder, head=(32, 16), seed=seed)


def train(seeds, *, learning_rate=3e-3):
    """Train one encoder a seed, on the same batches and views; return features, early losses."""
    source, test = split()
    config = TrainingConfig(epochs=8, batch_size=256, learning_rate=learning_rate)
    members = [member(seed) for seed in seeds]
    history = pretrain_many(
        members, source, policy=policy("digits", size=8), config=config, progress=False
    )
    with torch.no_grad():
        features = [
            [m.eval().encoder(part.images.float() / 255).double() for part in (source, test)]
            for m in members
        ]
    return features, history[-1]["early_losses"]


def rows(seeds, trained, *, judged_on_training=False, permuted=0.0):
    """Measure trained encoders."""
    labels = [permute(part.labels, permuted) for part in split()]
    table = []
    for seed, (source, test), early in zip(seeds, *trained, strict=True):
        probe = ridge_probe(source, labels[0], test, labels[1], penalties=(1e-3,))
        accuracy = probe.train_accuracy if judged_on_training else probe.accuracy
        table += [
            (seed, "early loss", early),
            (seed, "accuracy", accuracy),
            (seed, "rankme", rankme(source)),
        ]
    return pd.DataFrame(table, columns=["seed", "measure", "value"])


def permute(labels, share):
    generator = torch_generator(0, "permuted", len(labels))
    chosen = torch.randperm(len(labels), generator=generator)[: round(share * len(labels))]
    moved = labels.clone()
    moved[chosen] = labels[chosen[torch.randperm(len(chosen), generator=generator)]]
    return moved


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = [int(seed) for seed in sys.argv[1:]]
    print(rows(wanted, train(wanted)).to_json(orient="records", double_precision=15))
