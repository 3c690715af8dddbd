"""Causeway with limits of a second or two in place of the platform's minutes and hours: nothing else differs."""

from app import cli
from app.domain import deployments


def main() -> None:
    """`causeway` itself."""
    deployments.BUILD_SECONDS = 1
    cli.app()
