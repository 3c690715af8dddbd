"""How does the demo end? A line that sums up, what to try next, or what went wrong; and everything is cleared away."""

from __future__ import annotations

import shutil
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.text import Text

from app.demo.stage import PRINCIPAL, Stage

SHOWN_SECONDS = 0.5


def sum_up(console: Console, answers: int, seconds: dict[str, float]) -> None:
    """The last line: that all is equal, and how long each chapter took."""
    times = ", ".join(f"{name} {took:.0f}" for name, took in seconds.items() if took >= SHOWN_SECONDS)
    console.print()
    console.print(Rule(style="dim"))
    console.print(f"[bold green]All {answers} answers are equal.[/bold green] {sum(seconds.values()):.0f} s: {times}")


def say_problem(console: Console, problem: dict[str, Any]) -> None:
    """A problem as Causeway tells it."""
    lines = [f"{problem.get('title', 'A problem')} ({problem.get('code', 'no code')})", str(problem.get("detail", ""))]
    lines += [f"  {error['pointer']}: {error['detail']}" for error in problem.get("errors", [])]
    lines += [f"  left behind: {thing}" for thing in problem.get("left_behind", [])]
    say_failure(console, "\n".join(lines))


def say_failure(console: Console, text: str) -> None:
    """What went wrong, for people."""
    console.print()
    console.print(f"[bold red]The story could not be played to its end.[/bold red]\n{escape(text)}", soft_wrap=True)


def say_how_to_go_on(console: Console, stage: Stage) -> None:
    """Where everything is, what to try, and how to end it."""
    ids = " ".join(str(program.process.pid) for program in stage.programs)
    row = (
        '{"season": 4, "hr": 8, "holiday": 0, "weekday": 2, "workingday": 1, "temp": 0.4, "atemp": 0.4,'
        ' "hum": 0.6, "windspeed": 0.1, "mnth": "Nov", "weathersit": "clear"}'
    )
    lines = [
        "",
        "Everything is still running:",
        f"  Causeway   {stage.url} (its API: {stage.url}/docs)",
        *(f"  {name:<10} {host}" for name, host in stage.hosts.items()),
        f"  folder     {stage.folder} (configuration, databases, logs)",
        f"  a key      {stage.key} (of {PRINCIPAL}, for a day)",
        "",
        "Try:",
        f"  export CAUSEWAY={stage.url} KEY={stage.key}",
        '  curl -H "Authorization: Bearer $KEY" $CAUSEWAY/v1/me',
        "  curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\",
        "    $CAUSEWAY/v1/workspaces/prod/serving-endpoints/bikes-demand/invocations \\",
        f"    -d '{{\"dataframe_records\": [{row}]}}'",
        "",
        "End it:",
        f"  kill {ids}; sleep 5; rm -r {stage.folder}",
    ]
    # For copying into a shell: nothing may be wrapped.
    console.print(Text("\n".join(lines)), soft_wrap=True)


def clear_away(console: Console, stage: Stage, keep_logs: bool) -> None:
    """Remove the temporary folder; with `keep_logs` the logs stay in it, and it is said where."""
    if not keep_logs:
        shutil.rmtree(stage.folder, ignore_errors=True)
        return
    for path in stage.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix != ".log":
            path.unlink()
    console.print("The logs are kept:", *(str(log) for log in stage.logs), sep="\n  ", soft_wrap=True)
