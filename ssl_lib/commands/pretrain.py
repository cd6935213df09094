"""``ssl-lib pretrain``: train an encoder without labels."""

import argparse
import ast
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssl_lib.commands.lines import warnings_as_lines
from ssl_lib.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from ssl_lib.data import ImageData
    from ssl_lib.methods import Method
    from ssl_lib.training.config import RunSpec
    from ssl_lib.training.loop import Run

HELP = "pretrain an encoder by one of the methods"

EPILOG = """\
A run that finds its own checkpoint in DIR continues it. On several GPUs of one machine, each with
its share of every batch (--batch-size is the whole):

  torchrun --nproc_per_node 8 -m ssl_lib.cli pretrain --method vicreg --data cifar10 --out DIR
"""

_MEASURED_IMAGES = 10_000
_ANY_NUMBER = 1 << 40  # of images: no batch is cut down to it
_SWITCHES = {"true": True, "false": False}
_LABEL_FREE = {
    "rankme": "RankMe",
    "alpha_req": "alpha-ReQ",
    "std": "standard deviation of unit features",
    "uniformity": "uniformity",
}

_TRAINING: dict[str, tuple[type, str]] = {
    "epochs": (int, "passes over the data (100; diet 1000)"),
    "batch_size": (int, "images a step, over all processes (256)"),
    "accumulate": (int, "parts that a batch is split into, to save memory (1)"),
    "optimiser": (str, "adamw, sgd or lars (adamw)"),
    "learning_rate": (float, "at the end of the warm-up (0.001; diet that times batch / 256)"),
    "weight_decay": (float, "on weights, not on biases and norms (0.0001; diet 0.05)"),
    "warmup_epochs": (float, "epochs of linear warm-up (0; diet 10)"),
    "clip_norm": (float, "largest norm of the gradient, by default any"),
    "drop_patches": (float, "share of patches hidden from MSN's anchor, vit_* only (0)"),
    "precision": (str, "auto, float32 or bfloat16 (auto: bfloat16 on GPUs)"),
    "seed": (int, "of initialisation, order and views (0)"),
    "checkpoint_every": (int, "epochs between checkpoints (1)"),
    "evaluate_every": (int, "epochs between measures of the features; 0: at the end (0)"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--method", required=True, help="for example simclr, vicreg, dissl, diet")
    add("--data", required=True, help="fashion-mnist, cifar10, tiny-imagenet, ..., or a path")
    add("--encoder", default="resnet18", help="mlp, resnet9, torchvision:NAME, ... (resnet18)")
    add("--out", required=True, type=Path, metavar="DIR", help="folder of the checkpoint")
    add("--size", type=int, help="side of the images in pixels, by default their own")
    add("--channels", type=int, choices=(1, 3), help="of files that --data is a path of (3)")
    add("--policy", help="augmentation, by default the method's own")
    add("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
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
    from ssl_lib.training.checkpoints import FILE
    from ssl_lib.training.distributed import process_group, processes
    from ssl_lib.training.runs import save_encoder

    train, spec = prepare(args)
    with process_group(args.device) as device:
        result = _train(args.out, train, spec, device)
        if processes().first:
            last = result.history[-1]
            print(
                f"{args.method} on {train.name}: {last['epoch']} epochs, loss {last['loss']:.4f}, "
                f"{last['images_per_second']:.0f} images/s, {_quality(last)}\n"
                f"checkpoint: {args.out / FILE}\n"
                f"encoder alone: {save_encoder(args.out)}"
            )
    return 0


def _quality(entry: Mapping[str, float]) -> str:
    """Say what was measured of the training images' features."""
    if "knn" in entry:
        return f"training kNN accuracy {entry['knn']:.3f}"
    return ", ".join(f"{text} {entry[name]:.3f}" for name, text in _LABEL_FREE.items())


def prepare(args: argparse.Namespace) -> tuple["ImageData", "RunSpec"]:
    """Load the images and describe the run."""
    from ssl_lib import data
    from ssl_lib.training.runs import specify
    from ssl_lib.training.usual import usual_training, warn_of_few_showings

    given = {name: getattr(args, name) for name in _TRAINING if getattr(args, name) is not None}
    # What cannot be is said before images are loaded.
    usual_training(args.method, _ANY_NUMBER, **given)
    loaded: dict[str, Any] = {"name_or_path": args.data, "size": args.size}
    if args.data in data.NAMES:
        loaded["split"] = "train"
    elif args.data and (path := Path(args.data).expanduser()).exists():
        # A relative path may mean another folder where the run is looked at later.
        loaded["name_or_path"] = str(path.absolute())
    if args.channels is not None:
        loaded["channels"] = args.channels
    with warnings_as_lines():
        train = data.load(**loaded)
        if len(train) < 2:
            raise InputError(f"{train.name} has 1 image: to train takes at least 2.")
        config = usual_training(args.method, len(train), **given, compile=args.compile)
        warn_of_few_showings(args.method, config, len(train))
    spec = specify(
        method=args.method,
        data=train,
        encoder=args.encoder,
        policy=args.policy,
        method_options=options(args.method_option),
        encoder_options=options(args.encoder_option),
        policy_options=options(args.policy_option),
        loaded=loaded,
        training=config,
    )
    return train, spec


def _train(out: Path, train: "ImageData", spec: "RunSpec", device: Any) -> "Run":
    from ssl_lib.training.loop import pretrain
    from ssl_lib.training.runs import assemble

    method, policy = assemble(spec)
    try:
        return pretrain(
            method,
            train,
            policy=policy,
            config=spec.training,
            device=device,
            out=out,
            spec=spec,
            metrics=_measures(train, spec),
        )
    except OSError as error:  # a folder that cannot be made, a full disk
        raise InputError(f"cannot write to {out}: {error.strerror or error}.") from error


def _measures(train: "ImageData", spec: "RunSpec") -> Callable[["Method"], dict[str, float]]:
    """Judge by neighbours, or, where labels say nothing, by what needs none."""
    from ssl_lib.evaluation.features import extract, subsample
    from ssl_lib.training.runs import normalisation

    some = subsample(train, _MEASURED_IMAGES)

    def metrics(method: "Method") -> dict[str, float]:
        features = extract(method.encoder, some.images, transform=normalisation(spec))
        return _knn(features, some.labels) if some.n_classes > 1 else _label_free(features)

    return metrics


def _knn(features: "Tensor", labels: "Tensor") -> dict[str, float]:
    from ssl_lib.evaluation.knn import knn_accuracy

    # Two halves of the training images: the test images stay unseen until the probe.
    half, labels = len(features) // 2, labels.to(features.device)
    k = min(20, half)
    return {
        "knn": knn_accuracy(features[:half], labels[:half], features[half:], labels[half:], k=k)
    }


def _label_free(features: "Tensor") -> dict[str, float]:
    from ssl_lib.evaluation.rank import ranks
    from ssl_lib.evaluation.spread import embedding_std, uniformity

    with warnings_as_lines():
        measures = ranks(features)
    measures |= {"std": embedding_std(features), "uniformity": uniformity(features)}
    return {name: measures[name] for name in _LABEL_FREE}


def options(pairs: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are Python literals, true and false, or text.

    Examples
    --------
    >>> options(["head=(64, 32)", "estimator=logdet", "chunk=None", "normalise=false"])
    {'head': (64, 32), 'estimator': 'logdet', 'chunk': None, 'normalise': False}
    """
    read: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"an option must be NAME=VALUE, got {pair!r}.")
        try:
            read[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            read[name] = _SWITCHES.get(value.lower(), value)
    return read
