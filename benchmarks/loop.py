"""The training loop against its parts: the bare network on resident tensors, and the views alone.

    python -m benchmarks.loop [--width 16] [--size 32] [--batch 128]

All in one run, rounds in turn, medians, of this process's CPU time or (``--wall``, and always on a
GPU) of wall time:

- ``network``: forward and backward of method and encoder on views that are there already;
- ``step``: the same and the optimiser's step;
- ``views``: making the views of each batch;
- ``pretrain``: all of it, by :func:`ssl_lib.training.loop.pretrain`;
- ``lightly``: SimCLR as lightly's example trains it (its transform in a DataLoader, its loss), the
  same encoder and batch, where lightly is installed.

``pretrain without views`` is ``pretrain`` less ``views``: what the loop itself costs. ``share`` is
the rate as a share of the network's. The table goes to ``OUTPUT/benchmarks/loop.csv``.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import pandas as pd
import torch

from benchmarks.tables import parser_of, publish
from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy, policy
from ssl_lib.methods import Method, ViewBatch, build_method
from ssl_lib.models import build_encoder
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.optimisers import build_optimiser
from ssl_lib.training.share import memory_format
from ssl_lib.vision import torchvision


def make(args: argparse.Namespace) -> Method:
    width = {"width": args.width} if args.encoder == "resnet9" else {}
    encoder = build_encoder(args.encoder, in_channels=3, image_size=args.size, **width)
    return build_method(args.method, encoder, head=(256, 128)).to(args.device)


def autocast(args: argparse.Namespace) -> torch.autocast:
    return torch.autocast(args.device, torch.bfloat16, enabled=args.device == "cuda")


def network(args: argparse.Namespace, images: torch.Tensor, step: bool) -> Callable[[], object]:
    method = make(args)
    layout = memory_format(torch.device(args.device))
    method.to(memory_format=layout)
    optimiser = build_optimiser(method, TrainingConfig())
    view = images[: args.batch].float().div(255).contiguous(memory_format=layout)
    batch = ViewBatch(views=(view, view.flip(3).contiguous(memory_format=layout)))

    def run() -> None:
        for _ in range(args.steps):
            optimiser.zero_grad()
            with autocast(args):
                loss = method(batch).loss
            loss.backward()
            if step:
                optimiser.step()

    return run


def views(args: argparse.Namespace, images: torch.Tensor, recipe: Policy) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    parts = images.split(args.batch)
    return lambda: [recipe(part, generator) for part in parts]


def whole(args: argparse.Namespace, images: torch.Tensor, recipe: Policy) -> Callable[[], object]:
    data = ImageData(images, torch.zeros(len(images), dtype=torch.int64), ("all",))
    config = TrainingConfig(epochs=1, batch_size=args.batch)
    return lambda: pretrain(
        make(args), data, policy=recipe, config=config, device=args.device, progress=False
    )


def lightly(args: argparse.Namespace, images: torch.Tensor) -> Callable[[], object]:
    torchvision()  # lightly imports it too, beside a torch of the CPU in need of help
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform(input_size=args.size, gaussian_blur=0.0)
    pictures = [Image.fromarray(image.permute(1, 2, 0).cpu().numpy()) for image in images]

    class Views(torch.utils.data.Dataset[object]):
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, index: int) -> object:
            return transform(pictures[index])

    loader = torch.utils.data.DataLoader(
        Views(), batch_size=args.batch, shuffle=True, drop_last=True, num_workers=args.workers
    )
    encoder = make(args).encoder
    head = SimCLRProjectionHead(encoder.out_dim, 256, 128).to(args.device)
    criterion = NTXentLoss()
    optimiser = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.06)

    def run() -> None:
        for first, second in loader:
            z = [head(encoder(view.to(args.device))) for view in (first, second)]
            optimiser.zero_grad()
            criterion(*z).backward()
            optimiser.step()

    return run


def seconds(run: Callable[[], object], args: argparse.Namespace) -> float:
    clock = time.perf_counter if args.wall else time.process_time
    start = clock()
    run()
    if args.device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    args = argparse.Namespace(**config)
    args.wall |= args.device == "cuda"
    torch.set_num_threads(args.threads)
    shape = (args.batch * args.steps, 3, args.size, args.size)
    images = torch.randint(256, shape, dtype=torch.uint8, device=args.device)
    recipe = policy("simclr", size=args.size, strength=0.5, blur=0.0)
    runs = {
        "network": network(args, images, step=False),
        "step": network(args, images, step=True),
        "views": views(args, images, recipe),
        "pretrain": whole(args, images, recipe),
    }
    if find_spec("lightly") is not None:
        runs["lightly"] = lightly(args, images)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(args.rounds + 1):
        for name, run in runs.items():
            spent = seconds(run, args)
            if round_:  # the first round warms up
                times[name].append(spent)
    median = {name: statistics.median(spent) for name, spent in times.items()}
    median["pretrain without views"] = median["pretrain"] - median["views"]
    rows = [
        {"part": name, "images/s": len(images) / spent, "share": median["network"] / spent}
        for name, spent in median.items()
    ]
    return pd.DataFrame(rows).round(3)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--encoder", default="resnet9")
    parser.add_argument("--width", type=int, default=16, help="of a resnet9")
    parser.add_argument("--method", default="simclr", choices=("simclr", "vicreg", "barlow_twins"))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8, help="batches a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="of lightly's DataLoader")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--wall", action="store_true")
    publish("loop", measure, parser.parse_args())


if __name__ == "__main__":
    main()
