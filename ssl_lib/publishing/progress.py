"""One line a notebook: redrawn in a terminal, appended anywhere else."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

__all__ = ["Progress"]

_QUIET_SECONDS = 10.0


class Progress:
    """Show how far each notebook is.

    In a terminal each notebook has a line that is redrawn in place. Elsewhere a line is appended
    when a notebook starts and ends, and now and then between.

    Parameters
    ----------
    slugs : list of str
        The notebooks, in the order of their lines.
    stream : text file, default=sys.stdout
        Where to write.
    """

    def __init__(self, slugs: list[str], stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._width = max([len(slug) for slug in slugs], default=0)
        self._states = dict.fromkeys(slugs, "waits")
        self._began: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._drawn = 0

    def cell(self, slug: str, done: int, of: int) -> None:
        """Say that a notebook has begun its code cell number `done`."""
        self._began.setdefault(slug, time.monotonic())
        self._states[slug] = f"cell {done}/{of}"
        self._update(slug, final=False)

    def begin(self, slug: str, why: Sequence[str] = ()) -> None:
        """Say that a notebook's kernel is starting, and why it has to run."""
        self._began[slug] = time.monotonic()
        more = f" and {len(why) - 1} more" if len(why) > 1 else ""
        self._states[slug] = f"starts: {why[0]}{more}" if why else "starts"
        self._update(slug, final=True)

    def end(self, slug: str, state: str) -> None:
        """Say how a notebook ended; its clock stops."""
        self._began.pop(slug, None)
        self._states[slug] = state
        self._update(slug, final=True)

    def tick(self) -> None:
        """Redraw the running clocks."""
        if self._live:
            self._draw()

    def _update(self, slug: str, *, final: bool) -> None:
        if self._live:
            self._draw()
            return
        now = time.monotonic()
        if final or now - self._said.get(slug, now) > _QUIET_SECONDS:
            print(self._line(slug), file=self._stream, flush=True)
            self._said[slug] = now
        self._said.setdefault(slug, now)

    def _draw(self) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        lines = [f"\x1b[2K{self._line(slug)}\n" for slug in self._states]
        self._stream.write(up + "".join(lines))
        self._stream.flush()
        self._drawn = len(lines)

    def _line(self, slug: str) -> str:
        began = self._began.get(slug)
        clock = f"  {time.monotonic() - began:.0f} s" if began else ""
        return f"  {slug:<{self._width}}  {self._states[slug]}{clock}"
