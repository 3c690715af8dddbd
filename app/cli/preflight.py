"""`causeway check`: is everything there that Causeway needs in the workspaces, and by which commands is it granted?"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app import configuration, settings
from app.cli.terminal import check, console, errors
from app.domain.preflight import reports
from app.domain.preflight.checks import GREEN, RED, UNKNOWN, WARNING, Check
from app.domain.preflight.reports import Report

app = typer.Typer()
MARKS = {GREEN: ("✓", "green"), RED: ("✗", "bold red"), WARNING: ("!", "yellow"), UNKNOWN: ("?", "cyan")}


@app.command("check")
def check_workspaces(
    workspaces: Annotated[list[str] | None, typer.Argument(help="Which ones; all of them otherwise.")] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print the commands that mend it, as a bash script, and nothing else.")
    ] = False,
    admin: Annotated[
        bool,
        typer.Option("--admin", help="Ask with an admin's token, from DEV_TOKEN for dev: the platform tells it more."),
    ] = False,
) -> None:
    """Look at every prerequisite in the workspaces: what is there, what is needed, and what grants it.

    Exit code 1 when something is red.
    """
    check(settings.current().config)
    chosen = _choose(workspaces)
    found = [reports.make_for_operator(name, _get_variable(name) if admin else None) for name in chosen]
    if commands:
        sys.stdout.write(reports.make_script(found))
        return
    for report in found:
        _print(report)
    if any(report.state == RED for report in found):
        console.print("\nWhat mends it, for an admin to read and run: causeway check --admin --commands")
        raise typer.Exit(1)


def _choose(workspaces: list[str] | None) -> list[str]:
    configured = configuration.current().workspaces
    for name in workspaces or []:
        if name not in configured:
            errors.print(f"[red]There is no workspace {name} in the configuration.[/red]")
            raise typer.Exit(2)
    return workspaces or sorted(configured)


def _get_variable(workspace: str) -> str:
    variable = f"{workspace.upper()}_TOKEN"
    if not os.environ.get(variable):
        errors.print(f"[red]{variable} is missing: the token of an admin of {workspace}.[/red]")
        raise typer.Exit(2)
    return variable


def _print(report: Report) -> None:
    parts = " and ".join(report.roles) or "no part"
    title = f"{report.workspace}: {parts}, for {', '.join(report.projects) or 'no project'}"
    table = Table("", "", title=title, title_justify="left", title_style="bold", show_edge=False)
    for heading in ("what", "seen"):
        table.add_column(heading, overflow="fold")
    project: str | None = ""
    for one in report.checks:
        if one.project != project:
            table.add_section()
            project = one.project
        table.add_row(*_make_row(one))
    console.print()
    console.print(table)
    counted = [(state, sum(one.state == state for one in report.checks)) for state in MARKS]
    told = (f"[{MARKS[state][1]}]{MARKS[state][0]} {count} {state.lower()}[/]" for state, count in counted if count)
    console.print("  ".join(told))


def _make_row(one: Check) -> tuple[Text, Text, Text, Text]:
    mark, style = MARKS[one.state]
    what = Text(one.name, "bold")
    what.append(f"\n{f'{one.project}, ' if one.project else ''}{one.subject}", "dim")
    seen = Text(one.seen)
    if one.state != GREEN:
        seen.append(f"\nneeded: {one.needed}", "dim")
    return Text(mark, style), Text(one.state.lower(), style), what, seen
