"""How does the demo show what is going on? Lines for what is done; on a terminal, a moving one for what is not."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from app.demo.caller import Caller

MARKS = {"SUCCEEDED": ("✓", "green"), "FAILED": ("✗", "red")}
WIDEST = 100


def make_console() -> Console:
    """A console of at most 100 columns; what goes to a file or a pipe is plain text of 100 columns."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a log in ASCII must not end the demo
    console = Console(highlight=False, emoji=False)
    console.width = min(console.width, WIDEST) if console.is_terminal else WIDEST
    return console


@contextmanager
def doing(console: Console, text: str) -> Iterator[None]:
    """Say what is being done, and how long it took once it is."""
    started = time.monotonic()
    with console.status(f"[dim]{text}"):
        yield
    _say(console, "SUCCEEDED", text, time.monotonic() - started)


def follow(console: Console, caller: Caller, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation at its end, with each step shown as it happens; raises `ProblemMet` when it does not succeed."""
    said = 0
    with Live(Text(""), console=console, transient=True, refresh_per_second=8) as live:
        for seen in caller.follow(operation):
            steps = seen["steps"]
            while said < len(steps) and (steps[said]["state"] == "SUCCEEDED" or seen["done"]):
                step = steps[said]
                _say(live.console, step["state"], step["name"], _seconds(step), step["tries"])
                said += 1
            live.update(_show_running(steps[said:]))
    return seen


def _say(console: Console, state: str, text: str, seconds: float | None, tries: int = 1) -> None:
    mark, style = MARKS.get(state, ("·", "yellow"))
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(width=3, justify="right")
    line.add_column(ratio=1, no_wrap=True)
    line.add_column(justify="right", style="dim")
    again = f" [yellow]({tries} tries)" if tries > 1 else ""
    line.add_row(f"[{style}]{mark}", f"{text}{again}", "" if seconds is None else f"{seconds:.1f} s")
    console.print(line)


def _show_running(steps: list[dict[str, Any]]) -> RenderableType:
    running = Table.grid(padding=(0, 1))
    for step in steps:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(step["started_at"])).total_seconds()
        text = Text.assemble(step["name"], (f"  {step['text']} · {seconds:.0f} s", "dim"))
        running.add_row("", Spinner("dots", style="cyan"), text)
    return running


def _seconds(step: dict[str, Any]) -> float | None:
    if step["finished_at"] is None:
        return None
    begun, ended = (datetime.fromisoformat(step[end]) for end in ("started_at", "finished_at"))
    return (ended - begun).total_seconds()
