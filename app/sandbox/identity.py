"""Whose bearer is this? Principals and tokens: made, looked up, expired.

Principals belong to the account (scope: metastore key), tokens to a workspace. Only a token's SHA-256 is kept.
"""

import hashlib
import secrets

from app.sandbox import errors
from app.sandbox.state import Document
from app.sandbox.world import Workspace, World, now_ms

RUN_AS_ROLE = "roles/servicePrincipal.user"


def authenticate(world: World, workspace: Workspace, header: str | None) -> str:
    """The principal behind an Authorization header; unknown and expired bearers get the same 403."""
    scheme, _, bearer = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        message = "Credential was not sent or was of an unsupported type for this API."
        raise errors.PlatformError(401, "UNAUTHENTICATED", message)
    if secrets.compare_digest(bearer, workspace.admin_token):
        return workspace.metastore.admin
    token = world.state.find("token", workspace.name, digest(bearer))
    if token is None or _is_over(token) or not _is_active(world, workspace, token["principal"]):
        status = world.settings.refused_token_status
        code = "PERMISSION_DENIED" if status == 403 else "UNAUTHENTICATED"
        raise errors.PlatformError(status, code, "Invalid access token.")
    return str(token["principal"])


def issue_token(
    world: World,
    workspace: Workspace,
    principal: str,
    *,
    kind: str,
    lifetime_seconds: float | None,
    created_by: str,
    comment: str | None = None,
) -> tuple[str, Document]:
    """A new bearer of the principal and what is known of it; `kind` is "pat", "oauth" or "job"."""
    bearer = f"dapi{secrets.token_hex(16)}" if kind == "pat" else f"{kind}-{secrets.token_urlsafe(32)}"
    now = now_ms()
    token: Document = {
        "token_id": digest(bearer),
        "kind": kind,
        "principal": principal,
        "created_by": created_by,
        "comment": comment,
        "creation_time": now,
        "expiry_time": -1 if lifetime_seconds is None else now + int(1000 * lifetime_seconds),
    }
    world.state.put("token", workspace.name, digest(bearer), token)
    return bearer, token


def revoke_token(world: World, workspace: Workspace, token_id: str) -> None:
    """The bearer is refused from now on; no matter whether it was there."""
    world.state.remove("token", workspace.name, token_id)


def may_run_as(world: World, workspace: Workspace, caller: str, target: str) -> bool:
    """Whether the caller may let a job run as the target: itself, or with the user role on that service principal.

    To be admin is not enough [DOC "roles for managing service principals"].
    """
    if caller == target:
        return True
    names = {f"servicePrincipals/{caller}", f"users/{caller}"}
    rules = find_rule_set(world, workspace, target)["grant_rules"]
    return any(rule["role"] == RUN_AS_ROLE and not names.isdisjoint(rule["principals"]) for rule in rules)


def find_rule_set(world: World, workspace: Workspace, application_id: str) -> Document:
    """The grant rules on a service principal, empty when nobody set any."""
    kept = world.state.find("rule-set", workspace.metastore.key, application_id)
    return kept or {"grant_rules": [], "etag": "0"}


def digest(secret: str) -> str:
    """SHA-256 in hex: what is kept of a token or a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _is_over(token: Document) -> bool:
    return 0 <= int(token["expiry_time"]) <= now_ms()


def _is_active(world: World, workspace: Workspace, principal: str) -> bool:
    known = world.state.find("principal", workspace.metastore.key, principal)
    return bool(known and known["active"])
