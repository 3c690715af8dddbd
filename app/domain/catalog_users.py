"""Who may use a catalog that was made from a share: the project's runner, and the principals that a request names."""

from __future__ import annotations

from contextlib import suppress

from app.errors import UpstreamNotFound, WorkspaceRefused
from app.workspaces import grants

# What can be granted on a catalog from a share is reading [DOC]. SELECT is for tables that models depend on.
EXECUTE = "EXECUTE"
PRIVILEGES = ("USE_CATALOG", "USE_SCHEMA", EXECUTE, "SELECT")
Granted = dict[str, list[str]]
"""Privileges by principal."""


def list_lacking(workspace: str, catalog: str, principals: list[str]) -> Granted:
    """The privileges that each lacks on the catalog now, those that lack none left out; all where there is no catalog.

    Asked before anything is granted: it tells what is then ours to take back.
    """
    held: dict[str, set[str]] = {}
    # Somebody else's catalog may keep its grants from us; whether it is the share's is asked elsewhere.
    with suppress(UpstreamNotFound, WorkspaceRefused):
        held = grants.list_privileges(workspace, "catalog", catalog)
    return list_lacking_of(held, principals)


def list_lacking_of(held: dict[str, set[str]], principals: list[str]) -> Granted:
    """The privileges that each lacks of those that are `held`, those that lack none left out."""
    lacking = {one: [] if grants.ALL in held.get(one, set()) else _minus(held.get(one, set())) for one in principals}
    return {one: privileges for one, privileges in lacking.items() if privileges}


def ensure(workspace: str, catalog: str, principals: list[str]) -> None:
    """Each holds what the use of the catalog takes; read back."""
    for principal in principals:
        grants.ensure_privileges(workspace, "catalog", catalog, principal, PRIVILEGES)


def take_back(workspace: str, catalog: str, granted: Granted) -> None:
    """None holds what was granted any more; a catalog that is gone is a success."""
    with suppress(UpstreamNotFound):
        for principal, privileges in granted.items():
            grants.remove_privileges(workspace, "catalog", catalog, principal, privileges)


def _minus(held: set[str]) -> list[str]:
    return [privilege for privilege in PRIVILEGES if privilege not in held]
