"""Two SimCLR views of a batch: ours, torchvision v2 image by image, kornia.

    python -m benchmarks.views [--sizes 32 64] [--blur 0.0] [--device cpu]

All make the same recipe (crop, flip, jitter of 0.4/0.4/0.4/0.1 with p = 0.8, grey, blur) from the
same uint8 batch in memory. torchvision runs as inside a DataLoader's worker (tensors, no collation)
and, with ``--workers``, in a DataLoader. Rounds alternate, and the medians are compared, of this
process's CPU time or, with ``--wall``, and always on a GPU and with workers, of wall time. Kornia
is left out where it is not installed. The table goes to ``OUTPUT/benchmarks/views.csv``.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import pandas as pd
import torch

from benchmarks.tables import parser_of, publish
from ssl_lib.data.views import policy, two_views
from ssl_lib.vision import torchvision

JITTER = (0.4, 0.4, 0.4, 0.1)


def ours(images: torch.Tensor, blur: float) -> Callable[[], object]:
    recipe = policy("simclr", size=images.shape[-1], strength=0.5, blur=blur)
    generator = torch.Generator().manual_seed(0)
    return lambda: two_views(images, generator, recipe)


def torchvision_transform(size: int, blur: float) -> Callable[[torch.Tensor], torch.Tensor]:
    v2 = torchvision("transforms.v2")
    steps = [
        v2.RandomResizedCrop(size, scale=(0.08, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.RandomApply([v2.ColorJitter(*JITTER)], p=0.8),
        v2.RandomGrayscale(0.2),
    ]
    steps += [v2.RandomApply([v2.GaussianBlur(max(3, size // 10 // 2 * 2 + 1))], p=blur)]
    return v2.Compose([*(steps if blur else steps[:-1]), v2.ToDtype(torch.float32, scale=True)])


class TwoViews(torch.utils.data.Dataset):
    def __init__(self, images: torch.Tensor, blur: float) -> None:
        self.images, self.transform = images, torchvision_transform(images.shape[-1], blur)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[index]
        return self.transform(image), self.transform(image)


def torchvision_loop(images: torch.Tensor, blur: float) -> Callable[[], object]:
    data = TwoViews(images.cpu(), blur)
    return lambda: [data[k] for k in range(len(data))]


def torchvision_loader(images: torch.Tensor, blur: float, workers: int) -> Callable[[], object]:
    loader = torch.utils.data.DataLoader(
        TwoViews(images.cpu(), blur),
        batch_size=max(1, len(images) // 8),
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return lambda: [None for _ in loader]


def kornia(images: torch.Tensor, blur: float) -> Callable[[], object]:
    import kornia.augmentation as K

    size = images.shape[-1]
    taps = max(3, size // 10 // 2 * 2 + 1)
    chain = torch.nn.Sequential(
        K.RandomResizedCrop((size, size), scale=(0.08, 1.0)),
        K.RandomHorizontalFlip(),
        K.ColorJitter(*JITTER, p=0.8),
        K.RandomGrayscale(p=0.2),
        *([K.RandomGaussianBlur((taps, taps), (0.1, 2.0), p=blur)] if blur else []),
    )
    return lambda: (chain(images.float() / 255), chain(images.float() / 255))


def seconds(run: Callable[[], object], device: str, clock: Callable[[], float]) -> float:
    start = clock()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def sides(images: torch.Tensor, blur: float, workers: int) -> dict[str, Callable[[], object]]:
    runs = {
        "ssl_lib": ours(images, blur),
        "torchvision, image by image": torchvision_loop(images, blur),
    }
    if workers:
        runs[f"torchvision, {workers} workers"] = torchvision_loader(images, blur, workers)
    if find_spec("kornia") is not None:
        runs["kornia"] = kornia(images, blur)
    return runs


def compare(size: int, config: Mapping[str, Any]) -> list[dict[str, object]]:
    shape = (config["batch"], 3, size, size)
    images = torch.randint(256, shape, dtype=torch.uint8, device=config["device"])
    wall = config["wall"] or config["device"] == "cuda" or config["workers"] > 0
    clock = time.perf_counter if wall else time.process_time
    runs = sides(images, config["blur"], config["workers"])
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(config["rounds"] + 1):
        for name, run in runs.items():
            spent = seconds(run, config["device"], clock)
            if round_:  # the first round warms up
                times[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    return [
        {
            "size": size,
            "side": name,
            "pairs/s": config["batch"] / median,
            "ratio": median / medians["ssl_lib"],
        }
        for name, median in medians.items()
    ]


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    torch.set_num_threads(config["threads"])
    return pd.DataFrame([row for size in config["sizes"] for row in compare(size, config)]).round(3)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--blur", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="also a DataLoader with so many")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--wall", action="store_true")
    publish("views", measure, parser.parse_args())


if __name__ == "__main__":
    main()
