"""With which secrets does a service principal ask for OAuth tokens? Made by the admin, shown once."""

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from databricks.sdk.service.oauth2 import CreateServicePrincipalSecretResponse, SecretInfo

from app.sandbox import errors, identity
from app.sandbox.pages import page
from app.sandbox.scim import find_service_principal
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes
from app.sandbox.world import now_ms

routes = Routes()
PATH = "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets"
_TWO_YEARS_SECONDS = 63_072_000
_MOST_SECRETS = 5


@routes.post(PATH, body={"lifetime": str, "scopes": [str]})
def create_secret(call: Call) -> CreateServicePrincipalSecretResponse:
    """The only moment at which the secret is shown; `lifetime` is "3600s" and 730 days by default [SDK]."""
    call.require_admin()
    application_id, _ = find_service_principal(call, call.params["id"])
    if len(_list(call)) >= _MOST_SECRETS:
        raise errors.PlatformError(400, "RESOURCE_EXHAUSTED", f"At most {_MOST_SECRETS} secrets are allowed.")
    secret, now = f"dose{secrets.token_hex(16)}", now_ms()
    lifetime_seconds = _read_lifetime(call.body.get("lifetime"))
    known: Document = {
        "id": str(uuid.uuid4()),
        "digest": identity.digest(secret),
        "created_at": now,
        "expires_at": now + 1000 * lifetime_seconds,
    }
    call.state.put("oauth-secret", call.metastore, f"{call.params['id']}/{known['id']}", known)
    call.record("oauth-secret-created", application_id, secret_id=known["id"])
    return CreateServicePrincipalSecretResponse(**{**_shape(known).__dict__, "secret": secret})


@routes.get(PATH, query={"page_size": int, "page_token": str})
def list_secrets(call: Call) -> dict[str, Any]:
    """What is known of them, without the secrets."""
    call.require_admin()
    find_service_principal(call, call.params["id"])
    return page(call, "secrets", _list(call), _shape, size_name="page_size")


@routes.delete(PATH + "/{secret_id}")
def delete_secret(call: Call) -> None:
    """No token for this secret any more; tokens that were given live on until they expire."""
    call.require_admin()
    call.state.remove("oauth-secret", call.metastore, f"{call.params['id']}/{call.params['secret_id']}")


def _list(call: Call) -> list[Document]:
    return [known for _, known in call.state.list_all("oauth-secret", call.metastore, f"{call.params['id']}/")]


def _shape(known: Document) -> SecretInfo:
    return SecretInfo(
        id=known["id"],
        secret_hash=known["digest"],
        status="ACTIVE" if known["expires_at"] > now_ms() else "EXPIRED",
        create_time=_tell(known["created_at"]),
        update_time=_tell(known["created_at"]),
        expire_time=_tell(known["expires_at"]),
    )


def _read_lifetime(text: str | None) -> int:
    if text is None:
        return _TWO_YEARS_SECONDS
    if not text.removesuffix("s").isdigit():
        raise errors.invalid(f"Invalid lifetime '{text}': seconds are expected, such as 3600s.")
    return int(text.removesuffix("s"))


def _tell(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
