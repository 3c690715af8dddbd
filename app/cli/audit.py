"""Commands about the audit trail, on the database itself: for auditors, and for who keeps the trail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.terminal import console, errors, open_database
from app.domain.audit import exports, keys, readings, verification
from app.domain.audit.findings import Verification
from app.domain.audit.keys import KeyUnusable, Trusted
from app.store.audit_events import DatabaseReadOnly

app = typer.Typer(help="The audit trail, on the database itself.", no_args_is_help=True)


class Format(StrEnum):
    """How a file is written."""

    NDJSON = "ndjson"
    CSV = "csv"


@app.command("verify")
def verify_trail(
    heads: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="A file or folder of heads that left; CAUSEWAY_AUDIT_HEADS otherwise."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A public key in PEM; those of the configuration otherwise."),
    ] = None,
) -> None:
    """Find every place where the trail is not what was sealed. Exit code 1 when there is one, 2 when it cannot look."""
    open_database()
    seen = verification.verify(_read_keys(key) if key else keys.list_trusted(), heads)
    with _saying_when_it_is_not_told():
        readings.tell_verification(None, seen)
    _print(seen)
    raise typer.Exit(0 if seen.is_sound else 1)


@app.command("export")
def export_trail(
    file_format: Annotated[Format, typer.Option("--format", help="One object a line, or a table.")] = Format.NDJSON,
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> None:
    """Write every event, oldest first."""
    open_database()
    until = datetime.now(UTC)
    with _saying_when_it_is_not_told():
        until = readings.tell_export(None, file_format, project, None)
    with output.open("w", newline="") if output is not None else nullcontext(sys.stdout) as file:
        for piece in exports.export(None, file_format, project, None, until):
            file.write(piece)


@contextmanager
def _saying_when_it_is_not_told() -> Iterator[None]:
    """Whoever may only read the database may look all the same."""
    try:
        yield
    except DatabaseReadOnly:
        errors.print("[yellow]The trail does not tell of this: its database takes nothing from here.[/yellow]")


def _read_keys(paths: list[Path]) -> Trusted:
    try:
        return keys.by_id([keys.parse_public_key(path.read_text()) for path in paths])
    except (KeyUnusable, UnicodeDecodeError) as error:
        errors.print(f"[red]{error}[/red]")
        raise typer.Exit(2) from error


def _print(seen: Verification) -> None:
    for finding in seen.findings:
        console.print(f"[red]{finding.kind}[/red] {_harmless(finding.text)}", soft_wrap=True)
    if not seen.complete:
        console.print(f"It gave up after {len(seen.findings)} findings.")
    last = f", the last one {seen.last.number} with digest {seen.last.digest}" if seen.last is not None else ""
    console.print(
        f"Looked at {seen.events} sealed events in {seen.batches} batches{last}; {seen.signed_batches} signed by a key"
        f" that is believed; {seen.heads_compared} heads outside the database compared.",
        soft_wrap=True,
    )
    for limit in seen.list_limits():
        console.print(f"[yellow]{limit}[/yellow]", soft_wrap=True)
    if seen.is_sound:
        console.print("The trail is what was sealed.")


def _harmless(text: str) -> str:
    """A text with names that somebody may have chosen for what a terminal does with them."""
    return escape("".join(letter if letter.isprintable() else "?" for letter in text))
