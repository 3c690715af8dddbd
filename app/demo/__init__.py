"""The bike-sharing story, played through Causeway's HTTP API against the sandbox; started by `causeway demo`."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
from rich.console import Console
from rich.rule import Rule

from app.demo import farewell, stage, story
from app.demo.caller import Caller, ProblemMet
from app.demo.programs import ProgramFailed
from app.demo.progress import make_console
from app.demo.stage import Stage
from app.demo.story import Mismatch, Story

CHAPTERS: tuple[tuple[str, str, Callable[[Story], None]], ...] = (
    ("train", "Train in dev, on AWS: profile, AutoML, the best model registered", story.train),
    ("publish", "Publish in dev: to a share, for prod's metastore", story.publish),
    ("accept", "Accept in prod, on Azure: a catalog from the share", story.accept),
    ("score", "Score in prod, ad hoc: a day that the model has never seen", story.score),
    ("deploy", "Deploy in prod: an endpoint, asked about the same day", story.deploy),
    ("trace", "Trace: where the endpoint's model comes from, and who did what", story.trace),
    ("compare", f"Compare: endpoint and ad hoc, equal within {story.TOLERANCE:g} of the value", story.compare),
)
INTERRUPTED = 130


def play(keep: bool, trials: int) -> int:
    """Play the story; the exit code is 0 when everything came out as it should.

    `keep` leaves sandbox and service running. Otherwise everything is taken down, also after Ctrl-C; after a failure
    the logs stay.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = make_console()
    setting = Stage(Path(tempfile.mkdtemp(prefix="causeway-demo-")))
    code = 1
    try:
        code = _play(console, setting, trials)
    except KeyboardInterrupt:
        console.print("\nInterrupted: ending what was started.")
        code = INTERRUPTED
    finally:
        # A second Ctrl-C must not leave half of it behind; ending takes seconds.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if keep and code == 0:
            farewell.say_how_to_go_on(console, setting)
        else:
            stage.take_down(setting)
            farewell.clear_away(console, setting, keep_logs=code == 1)
    return code


def _play(console: Console, setting: Stage, trials: int) -> int:
    seconds: dict[str, float] = {}
    try:
        with _timed(seconds, "set-up"):
            _open(console, "The stage: two workspaces, and Causeway between them")
            stage.set_up(console, setting)
        tale = Story(console, Caller(setting.url, setting.key), trials)
        for number, (name, title, chapter) in enumerate(CHAPTERS, start=1):
            with _timed(seconds, name):
                _open(console, f"{number} · {title}")
                chapter(tale)
    except ProblemMet as met:
        farewell.say_problem(console, met.problem)
        return 1
    except httpx.HTTPError as error:
        farewell.say_failure(console, f"{error.request.method} {error.request.url}: {error}")
        return 1
    except (ProgramFailed, Mismatch) as failure:
        farewell.say_failure(console, str(failure))
        return 1
    farewell.sum_up(console, len(tale.served), seconds)
    return 0


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started


def _open(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(f"[bold]{title}", align="left", style="dim"))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
