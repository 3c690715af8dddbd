"""Causeway with limits of a second or two in place of the platform's minutes and hours: nothing else differs."""

from app import cli
from app.domain import acceptances, deployments


def main() -> None:
    """`causeway` itself."""
    acceptances.VISIBLE_SECONDS = 2
    deployments.BUILD_SECONDS = 1
    cli.app()
