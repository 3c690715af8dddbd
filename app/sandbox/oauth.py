"""How does a service principal get a token? OAuth client credentials, as the platform's token endpoint takes them."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from app.sandbox import errors, identity
from app.sandbox.wire import Call, Routes
from app.sandbox.world import now_ms

routes = Routes()


@routes.post("/oidc/v1/token", public=True)
def issue(call: Call) -> dict[str, Any]:
    """`grant_type=client_credentials` with id and secret in the Basic header or in the form [DOC][RUN]."""
    form = dict(parse_qsl(call.raw.decode()))
    if form.get("grant_type") != "client_credentials":
        raise _refusal(400, "unsupported_grant_type", "The sandbox knows client_credentials only.")
    client_id, secret = _read_credentials(call.request.headers.get("authorization"), form)
    if not _is_valid(call, client_id, secret):
        raise _refusal(401, "invalid_client", "Client authentication failed")
    lifetime = call.world.settings.oauth_token_seconds
    token, _ = identity.issue_token(
        call.world, call.workspace, client_id, kind="oauth", lifetime_seconds=lifetime, created_by=client_id
    )
    scope = form.get("scope", "all-apis")
    return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}


def _read_credentials(header: str | None, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _refusal(401, "invalid_client", "Client authentication failed") from None
    return unquote_plus(client_id), unquote_plus(secret)


def _is_valid(call: Call, client_id: str, secret: str) -> bool:
    principal = call.state.find("principal", call.metastore, client_id)
    if not principal or not principal["active"]:
        return False
    given = identity.digest(secret)
    kept = call.state.list_all("oauth-secret", call.metastore, f"{principal['id']}/")
    return any(known["digest"] == given and known["expires_at"] > now_ms() for _, known in kept)


def _refusal(status: int, error: str, description: str) -> errors.PlatformError:
    return errors.PlatformError(status, error, description, body={"error": error, "error_description": description})
