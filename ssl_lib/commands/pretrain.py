"""``ssl-lib pretrain``: train an encoder without labels."""

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssl_lib.errors import InputError

HELP = "pretrain an encoder by one of the methods"

_TRAINING = {
    "epochs": (int, "passes over the data"),
    "batch_size": (int, "images a step"),
    "optimiser": (str, "adamw, sgd or lars"),
    "learning_rate": (float, "at the end of the warm-up"),
    "weight_decay": (float, "on weights, not on biases and norms"),
    "warmup_epochs": (float, "epochs of linear warm-up"),
    "clip_norm": (float, "largest norm of the gradient"),
    "precision": (str, "auto, float32 or bfloat16"),
    "seed": (int, "of initialisation, order and views"),
    "checkpoint_every": (int, "epochs between checkpoints"),
    "evaluate_every": (int, "epochs between kNN accuracies; 0: at the end"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--method", required=True, help="for example simclr, vicreg, dissl, diet")
    add("--data", required=True, help="digits, shapes, cifar10, tiny-imagenet, or a path")
    add("--encoder", default="resnet18", help="for example mlp, resnet9, torchvision:NAME")
    add("--out", required=True, type=Path, metavar="DIR", help="folder of the checkpoint")
    add("--size", type=int, help="side of the images in pixels, by default their own")
    add("--policy", help="augmentation, by default the method's own")
    add("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    add("--drop-patches", type=float, default=0.0, help="share hidden from MSN's anchor (0)")
    add("--compile", action="store_true", help="compile the encoder")
    for kind in ("method", "encoder", "policy"):
        add(
            f"--{kind}-option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"an option of the {kind}; may be repeated",
        )
    for name, (kind_of, text) in _TRAINING.items():
        add(f"--{name.replace('_', '-')}", type=kind_of, help=text)


def run(args: argparse.Namespace) -> int:
    """Train; print where the checkpoint is and how good the features are."""
    from ssl_lib import data, profiles
    from ssl_lib.training.checkpoints import FILE
    from ssl_lib.training.config import TrainingConfig
    from ssl_lib.training.distributed import process_group
    from ssl_lib.training.loop import pretrain
    from ssl_lib.training.runs import assemble, specify

    given = {name: getattr(args, name) for name in _TRAINING if getattr(args, name) is not None}
    config = TrainingConfig(**given, compile=args.compile)
    train = data.load(args.data, split="train" if args.data in data.NAMES else None, size=args.size)
    spec = specify(
        method=args.method,
        data=train,
        encoder=args.encoder,
        policy=args.policy,
        method_options=options(args.method_option),
        encoder_options=options(args.encoder_option),
        policy_options=options(args.policy_option),
        training=config,
    )
    method, policy = assemble(spec)
    with process_group() as device:
        result = pretrain(
            method,
            train,
            policy=policy,
            config=config,
            device=device or profiles.device(args.device),
            out=args.out,
            spec=spec,
            metrics=_knn(train, spec),
            drop_patches=args.drop_patches,
        )
    last = result.history[-1]
    print(
        f"{args.method} on {train.name}: {last['epoch']} epochs, loss {last['loss']:.4f}, "
        f"{last['images_per_second']:.0f} images/s, training kNN accuracy {last['knn']:.3f}"
    )
    print(f"checkpoint: {args.out / FILE}")
    return 0


def _knn(train: Any, spec: Any) -> Any:
    from ssl_lib.evaluation.features import extract
    from ssl_lib.evaluation.knn import knn_accuracy
    from ssl_lib.training.runs import normalisation

    def metrics(method: Any) -> dict[str, float]:
        # Two halves of the training images: the test images stay unseen until the probe.
        some = train.subset(slice(0, 10_000))
        features = extract(method.encoder, some.images, transform=normalisation(spec))
        half, labels = len(features) // 2, some.labels.to(features.device)
        k = min(20, half)
        return {
            "knn": knn_accuracy(features[:half], labels[:half], features[half:], labels[half:], k=k)
        }

    return metrics


def options(pairs: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are Python literals, or text.

    Examples
    --------
    >>> options(["head=(64, 32)", "estimator=logdet", "chunk=None"])
    {'head': (64, 32), 'estimator': 'logdet', 'chunk': None}
    """
    read: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"an option must be NAME=VALUE, got {pair!r}.")
        try:
            read[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            read[name] = value
    return read
