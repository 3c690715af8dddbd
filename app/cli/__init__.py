"""`causeway`: the program. It starts the service or the sandbox, keeps the house, and plays the demo."""

from __future__ import annotations

import typer

from app.cli import api_keys, audit, configuration, preflight, programs, release

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
app.add_typer(programs.app)
app.add_typer(release.app)
app.add_typer(preflight.app)
app.add_typer(configuration.app, name="config")
app.add_typer(api_keys.app, name="keys")
app.add_typer(audit.app, name="audit")
