"""What one Python wheel task runs: the entry point of the declared package, in a process of its own."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from types import TracebackType
from typing import Any

import threadpoolctl

from app.sandbox.isolation import Spec


@dataclass(frozen=True)
class WheelTask(Spec):
    """A wheel task, with what isolates its process."""

    package: str = ""
    entry_point: str = ""
    arguments: tuple[str, ...] = ()


def main(task: WheelTask) -> None:
    """Runs the entry point. What it raises is printed, left in `error.json`, and ends the process with 1."""
    sys.argv = [task.package, *task.arguments]
    threadpoolctl.threadpool_limits(os.cpu_count())  # the forkserver was loaded with one thread
    try:
        _entry_point(task)()
    except BaseException as error:
        if not (isinstance(error, SystemExit) and error.code in (None, 0)):
            _fail(task, error)


def _entry_point(task: WheelTask) -> Callable[[], Any]:
    """A declared entry point of the package, else the function of that name in the package itself [SDK]."""
    try:
        found = distribution(task.package)
    except PackageNotFoundError as error:
        raise ModuleNotFoundError(f"No module named {task.package!r}") from error
    for entry in found.entry_points:
        if entry.name == task.entry_point:
            return entry.load()  # type: ignore[no-any-return]
    return getattr(import_module(task.package), task.entry_point)  # type: ignore[no-any-return]


def _fail(task: WheelTask, error: BaseException) -> None:
    trace = "".join(traceback.format_exception(error.with_traceback(_without_ours(error))))
    print(trace, file=sys.stderr, flush=True)
    report = {"error": "".join(traceback.format_exception_only(error)).strip(), "error_trace": trace}
    (task.folder / "error.json").write_text(json.dumps(report))
    sys.exit(1)


def _without_ours(error: BaseException) -> TracebackType | None:
    return error.__traceback__.tb_next if error.__traceback__ else None
