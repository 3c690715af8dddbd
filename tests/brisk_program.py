"""The service with short pauses: a test that waits for the platform learns nothing from waiting longer for a look."""

from app import cli
from app.domain import acceptances, deployments, jobs, remedies, withdrawals
from app.durable import engine

LOOK_EVERY_SECONDS = 0.2


def main() -> None:
    """Be `causeway`, and look five times as often whether what it waits for has come."""
    jobs.POLL_SECONDS = deployments.POLL_SECONDS = remedies.POLL_SECONDS = LOOK_EVERY_SECONDS
    acceptances.LOOK_EVERY_SECONDS = withdrawals.LOOK_EVERY_SECONDS = LOOK_EVERY_SECONDS
    engine.DEQUEUE_EVERY_SECONDS = 0.05
    cli.app()
