"""Drift of what Causeway signs in with, and of what callers sign in to Causeway with: it ends one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from app import configuration
from app.configuration import AccessToken
from app.domain import api_keys
from app.domain.api_keys import ApiKey
from app.domain.drifts.kinds import MEDIUM, Finding, drift
from app.domain.drifts.looks import Look
from app.domain.preflight.principals import SOON
from app.errors import WorkspaceRefused
from app.workspaces import identities, preflight

TIMEOUT_SECONDS = 10.0


@drift("credential-ends", MEDIUM, "credential")
def find_ending(look: Look) -> Iterator[Finding]:
    """The last token or secret of control's ends soon: from then on the workspace refuses all that Causeway does.

    Secrets are told to those alone who may manage the service principal; where they are not, nothing is known.
    """
    what, last = _find_last(look)
    if last is not None and last - datetime.now(UTC) < SOON:
        yield Finding(
            object_name=look.control,
            wanted=f"A {what} of Causeway's that lasts {SOON.days} days and more.",
            found=f"The last one ends at {last:%Y-%m-%d %H:%M} UTC: from then on nothing works in {look.workspace}.",
            advice=f"Have a new {what} made for {look.control}, and put it where the configuration says.",
        )


@drift("key-ends", MEDIUM, "API key", asks_nobody=True)
def find_ending_keys(look: Look) -> Iterator[Finding]:
    """The last key of somebody who has a role in the project ends soon: whatever calls with it is refused from then on.

    One that was made for less time than that is meant to end, and one that has ended is nobody's surprise any more.
    """
    if not look.is_first:
        return
    now, last = datetime.now(UTC), dict[str, ApiKey]()
    for key in sorted(look.ask(api_keys.list_usable, look.project), key=lambda key: key.expires_at):
        last[key.principal] = key
    for principal, key in last.items():
        if now < key.expires_at < now + SOON and key.expires_at - key.created_at > SOON:
            yield Finding(
                object_name=principal,
                wanted=f"An API key of {principal} that lasts {SOON.days} days and more.",
                found=f"The last one, {key.id}, ends at {key.expires_at:%Y-%m-%d %H:%M} UTC.",
                advice=f"Have one made (causeway keys create {principal}), and put it where {principal} calls from.",
            )


def _find_last(look: Look) -> tuple[str, datetime | None]:
    """What kind of credential it is, and when the last one ends; None: never, or nobody tells."""
    if isinstance(configuration.current().workspaces[look.workspace].auth, AccessToken):
        ends = look.ask(preflight.list_token_ends, look.workspace, timeout_seconds=TIMEOUT_SECONDS)
        return "token", None if None in ends else max((end for end in ends if end is not None), default=None)
    control = look.ask(identities.get_self, look.workspace).identity
    try:
        told = look.ask(preflight.list_secret_ends, look.workspace, control.id, timeout_seconds=TIMEOUT_SECONDS)
    except WorkspaceRefused:
        told = []
    return "secret", max(told, default=None)
