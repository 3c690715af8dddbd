"""`python -m app.cli` is `causeway`."""

from app.cli import app

app()
