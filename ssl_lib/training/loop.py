"""The training loop of all methods.

Order, augmentation and masks are drawn from streams of their own, named by epoch or step: nothing
random has to be saved, and a resumed run repeats the same bits (one thread, CPU).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ssl_lib.data import Batch, ImageData
from ssl_lib.data.views import Policy, take
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Method, Output
from ssl_lib.randomness import torch_generator
from ssl_lib.training.checkpoints import (
    FILE,
    Checkpoint,
    load_checkpoint,
    optimiser_state,
    restore,
    restore_optimiser,
    save_checkpoint,
)
from ssl_lib.training.config import RunSpec, TrainingConfig
from ssl_lib.training.distributed import Processes, processes
from ssl_lib.training.early import early_losses
from ssl_lib.training.optimisers import build_optimiser, clip_gradients, set_learning_rate
from ssl_lib.training.schedules import learning_rate_factor
from ssl_lib.training.share import (
    Drawn,
    Share,
    batch_norm_explained,
    draw_epoch,
    memory_format,
    order_of,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Diverged", "Run", "pretrain"]

# How many steps may pass before a GPU's losses are looked at: looking waits for the GPU.
_LOOK_EVERY = 50

Metrics = Callable[[Method], dict[str, float]]


class Diverged(InputError):
    """The loss became infinite or not a number."""


@dataclass(frozen=True)
class Run:
    """What a training run leaves.

    Attributes
    ----------
    method : Method
        Trained, on the run's device.
    history : list of dict
        One entry an epoch: ``epoch``, ``step``, ``loss`` (mean over the epoch), ``learning_rate``,
        ``early_loss`` (mean over the run's first ten steps, as far as they are done; the last
        entry's is to be kept for :mod:`ssl_lib.results.verification`), ``seconds``,
        ``images_per_second``, the method's diagnostics at the last step, and what the
        run's metrics returned.
    """

    method: Method
    history: list[dict[str, Any]]

    @property
    def table(self) -> pd.DataFrame:
        """The history as a table, one row an epoch."""
        import pandas as pd

        return pd.DataFrame(self.history)


def pretrain(
    method: Method,
    data: ImageData,
    *,
    policy: Policy,
    config: TrainingConfig,
    device: str | torch.device = "cpu",
    out: str | Path | None = None,
    spec: RunSpec | None = None,
    metrics: Metrics | None = None,
    progress: bool | None = None,
) -> Run:
    """Train a method on images in memory.

    Parameters
    ----------
    method : Method
        Moved to the device and trained in place.
    data : ImageData
        The training images.
    policy : Policy
        Makes the views, normalisation included.
    config : TrainingConfig
        How to train.
    device : str or torch.device, default="cpu"
        Where. Under ``torchrun`` each process trains on its share of every batch, to the numbers
        of one process; BatchNorm does so on GPUs only (:meth:`Processes.wrap`).
    out : path, optional
        Folder of the run's checkpoint. A run that finds its own checkpoint there continues it.
    spec : RunSpec, optional
        Written into the checkpoint, so that the method can be built again from the file.
    metrics : callable, optional
        Given the method in evaluation mode, returns named numbers for the history.
    progress : bool, optional
        Whether to show a progress bar; by default when the terminal can.

    Returns
    -------
    Run

    Raises
    ------
    Diverged
        When the loss is NaN or infinite; it names the step and the last good checkpoint.
    InputError
        When the configuration does not suit the method, or the folder holds another run.

    Examples
    --------
    >>> from ssl_lib import data, methods, models
    >>> digits = data.load("digits")
    >>> encoder = models.build_encoder("mlp", in_channels=1, image_size=8)
    >>> run = pretrain(methods.build_method("simclr", encoder), digits,
    ...                policy=data.views.policy("digits", size=8),
    ...                config=TrainingConfig(epochs=2, batch_size=256), progress=False)
    >>> len(run.history), run.history[1]["loss"] < run.history[0]["loss"]
    (2, True)
    """
    trainer = _Trainer(
        method=method.to(device),
        data=data.to(device),
        policy=policy,
        config=config,
        device=torch.device(device),
        path=None if out is None else Path(out) / FILE,
        spec=spec,
        metrics=metrics,
    )
    trainer.check()
    trainer.resume()
    with _fastest_convolutions(trainer.on_gpu):
        trainer.train(progress)
    return Run(method=method, history=trainer.history)


@dataclass
class _Trainer:
    method: Method
    data: ImageData
    policy: Policy
    config: TrainingConfig
    device: torch.device
    path: Path | None
    spec: RunSpec | None
    metrics: Metrics | None
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.on_gpu = self.device.type == "cuda"
        self.processes: Processes = processes()
        self.steps_per_epoch = len(self.data) // self.config.batch_size
        self.total = self.steps_per_epoch * self.config.epochs
        self.warmup = round(self.config.warmup_epochs * self.steps_per_epoch)
        self.method.to(memory_format=memory_format(self.device))  # type: ignore[call-overload]
        self.n_patches: int | None = getattr(self.method.encoder, "n_patches", None)
        self.optimiser = build_optimiser(self.method, self.config)
        self.names: dict[Tensor, str] = {p: name for name, p in self.method.named_parameters()}
        self.saved_at: int | None = None
        self.unseen: list[Tensor] = []
        self.identity = self.identify()
        self.share = Share(self.policy, self.config, self.processes, self.device, self.n_patches)

    def check(self) -> None:
        config, parts = self.config, self.config.accumulate * self.processes.count
        if self.steps_per_epoch == 0:
            raise InputError(
                f"batch_size {config.batch_size} exceeds the {len(self.data)} images of "
                f"{self.data.name}."
            )
        if config.batch_size % parts:
            raise InputError(
                f"batch_size {config.batch_size} does not split into {parts} equal parts "
                f"({self.processes.count} processes x accumulate {config.accumulate})."
            )
        if config.accumulate > 1 and self.method.uses_batch_statistics:
            raise InputError(
                f"accumulate must be 1 for {self.method.name}: its loss compares the images of a "
                "batch, so the mean over parts is another loss."
            )
        if len(self.policy.recipes) < self.method.min_views:
            raise InputError(
                f"{self.method.name} needs {self.method.min_views} views, policy "
                f"{self.policy.name!r} makes {len(self.policy.recipes)}."
            )
        if config.drop_patches and self.n_patches is None:
            raise InputError("drop_patches needs a vision transformer (vit_*) as encoder.")

    def identify(self) -> dict[str, Any]:
        """Return what a run that continues this one must agree with, as JSON gives it back."""
        # These change when and how fast things happen, not what the run computes.
        free = {"checkpoint_every", "evaluate_every", "compile"}
        settings = self.method.settings()
        return json.loads(  # type: ignore[no-any-return]
            json.dumps(
                {
                    "method": self.method.name,
                    "data": self.data.fingerprint,
                    "policy": repr(self.policy),
                    **{k: v for k, v in asdict(self.config).items() if k not in free},
                    **{f"{self.method.name}.{k}": v for k, v in settings.items()},
                },
                default=repr,
            )
        )

    def resume(self) -> None:
        if self.path is None:
            return
        found = self.processes.from_first(self.found)
        if found is None:
            self.save()
            return
        restore(self.method, found.model, what=str(self.path))
        restore_optimiser(self.optimiser, self.names, found.optimiser)
        self.step, self.history, self.saved_at = found.step, found.history, found.step

    def found(self) -> Checkpoint | None:
        """Return the checkpoint to continue from, None where there is none yet."""
        assert self.path is not None
        folder = self.path.parent
        if not self.path.exists():
            if folder.exists() and not folder.is_dir():
                raise InputError(f"{folder} is a file: out must be a folder.")
            if folder.exists() and any(not p.name.startswith(".") for p in folder.iterdir()):
                raise InputError(
                    f"{folder} is not empty and holds no {FILE}: choose another folder."
                )
            return None
        found = load_checkpoint(self.path)
        for key, mine in self.identity.items():
            if found.identity.get(key) != mine:
                raise InputError(
                    f"{folder} holds another run: its {key} is {found.identity.get(key)!r}, "
                    f"not {mine!r}. Choose another folder."
                )
        return found

    def save(self) -> None:
        if self.path is None:
            return
        self.saved_at = self.step
        if not self.processes.first:
            return
        state = optimiser_state(self.optimiser, self.names)
        save_checkpoint(
            self.path,
            Checkpoint(
                spec=self.spec,
                step=self.step,
                history=self.history,
                model=self.method.state_dict(),
                optimiser=state,
                identity=self.identity,
            ),
        )

    def train(self, progress: bool | None) -> None:
        from tqdm import tqdm

        if self.config.compile:
            self.method.encoder.compile()
        module = self.processes.wrap(self.method)
        show = self.processes.first and progress is not False
        bar = tqdm(
            total=self.total * self.config.batch_size,
            initial=self.step * self.config.batch_size,
            unit="image",
            unit_scale=True,
            desc=self.method.name,
            disable=(None if progress is None else not progress) if show else True,
        )
        with bar:
            for epoch in range(self.step // self.steps_per_epoch, self.config.epochs):
                self.epoch(epoch, module, bar)

    def epoch(self, epoch: int, module: Method | DistributedDataParallel, bar: Any) -> None:
        self.method.train()
        started, losses = time.perf_counter(), []
        for batch, drawn in self.batches(epoch):
            output, rate = self.optimise(batch, drawn, module)
            losses.append(self.processes.mean(output.loss))
            self.unseen.append(losses[-1])
            self.step += 1
            if not self.on_gpu or self.step % _LOOK_EVERY == 0:
                self.look()
                bar.set_postfix(loss=f"{float(losses[-1]):.4g}", lr=f"{rate:.2g}", refresh=False)
            bar.update(self.config.batch_size)
        self.look()
        self.look_at_weights()
        seconds = time.perf_counter() - started
        stacked = torch.stack(losses)
        # A checkpoint of before this was recorded has none.
        before = [self.history[-1].get("early_loss", float("nan"))] if self.history else []
        step = self.step - len(losses)
        entry = {
            "epoch": epoch + 1,
            "step": self.step,
            "loss": float(stacked.double().mean()),
            "early_loss": early_losses(stacked[:, None], step=step, before=before)[0],
            "learning_rate": rate,
            "seconds": seconds,
            "images_per_second": self.steps_per_epoch * self.config.batch_size / seconds,
            **{name: float(value) for name, value in output.logs.items()},
        }
        last = epoch + 1 == self.config.epochs
        self.history.append(entry | self.measure(epoch + 1, last))
        if last or (epoch + 1) % self.config.checkpoint_every == 0:
            self.save()

    def batches(self, epoch: int) -> Iterator[tuple[Batch, Drawn]]:
        """Yield batches with their images' augmentation parameters."""
        order = torch_generator(self.config.order_stream, "order", epoch)
        drawn = draw_epoch(self.policy, self.data, self.config, epoch)
        # On the host, where parameters are: a copy of the batch's index would wait for a GPU.
        rows = order_of(self.data, self.config, epoch).split(self.config.batch_size)
        for batch, here in zip(
            self.data.batches(order, self.config.batch_size), rows, strict=False
        ):
            yield batch, take(drawn, here)

    def optimise(
        self, batch: Batch, drawn: Drawn, module: Method | DistributedDataParallel
    ) -> tuple[Output, float]:
        done = self.step / self.total
        rate = self.config.learning_rate * learning_rate_factor(
            self.step,
            total=self.total,
            warmup=self.warmup,
            schedule=self.config.schedule,
            final=self.config.final_factor,
        )
        set_learning_rate(self.optimiser, rate)
        self.method.before_step(done)
        self.optimiser.zero_grad(set_to_none=True)
        output = self.backward(batch, drawn, module)
        self.method.after_backward(done)
        clip_gradients(self.method, self.config.clip_norm)
        self.optimiser.step()
        self.method.after_step(done)
        return output, rate

    def backward(
        self, batch: Batch, drawn: Drawn, module: Method | DistributedDataParallel
    ) -> Output:
        count, losses = self.config.accumulate, []
        for number, views in enumerate(self.share(batch, drawn, self.step), start=1):
            with self.processes.synchronise(module, last=number == count):
                with self.autocast(), self.diagnostics(), self.explained():
                    output: Output = module(views)
                (output.loss / count).backward()
            losses.append(output.loss.detach())
        return Output(torch.stack(losses).mean(), output.logs, ())

    def autocast(self) -> AbstractContextManager[Any]:
        wanted = self.config.precision
        if wanted == "bfloat16" or (wanted == "auto" and self.on_gpu):
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def explained(self) -> AbstractContextManager[None]:
        return batch_norm_explained(self.config, processes=self.processes.count)

    def diagnostics(self) -> AbstractContextManager[None]:
        """Compute what only the history shows at the last step of an epoch alone."""
        last = (self.step + 1) % self.steps_per_epoch == 0
        return nullcontext() if last else self.method.quiet()

    def look(self) -> None:
        """Stop at the first loss that is not finite."""
        if not self.unseen:
            return
        finite = torch.isfinite(torch.stack(self.unseen)).cpu()
        first = self.step - len(self.unseen)
        self.unseen.clear()
        if bool(finite.all()):
            return
        self.stop("loss", first + int((~finite).nonzero()[0]))

    def look_at_weights(self) -> None:
        """Stop before weights that are not finite are kept as the last good checkpoint."""
        finite = torch.stack([torch.isfinite(p.detach()).all() for p in self.names])
        if not bool(finite.all()):
            self.stop("last update", self.step - 1)

    def stop(self, what: str, step: int) -> NoReturn:
        kept = "no checkpoint was kept (give out=)"
        if self.saved_at is not None:
            kept = f"the last good checkpoint, of step {self.saved_at}, is {self.path}"
        raise Diverged(
            f"the {what} of {self.method.name} is not finite at step {step} of {self.total}; "
            f"{kept}. A lower learning_rate, a longer warm-up or clip_norm may help."
        )

    def measure(self, epoch: int, last: bool) -> dict[str, float]:
        every = self.config.evaluate_every
        if self.metrics is None or not (last or (every and epoch % every == 0)):
            return {}
        self.method.eval()
        with torch.no_grad():
            return self.metrics(self.method)


@contextmanager
def _fastest_convolutions(on_gpu: bool) -> Iterator[None]:
    """Let cuDNN try its algorithms for the block: all batches have one shape."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or on_gpu
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
