"""Which personal access tokens are there? Made by the admin on behalf of a service principal, listed, revoked."""

from typing import Any

from databricks.sdk.service.settings import CreateOboTokenResponse, PublicTokenInfo, TokenInfo

from app.sandbox import errors, identity
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.0/token-management/tokens"


@routes.post(
    "/api/2.0/token-management/on-behalf-of/tokens",
    body={
        "application_id!": str,
        "comment": str,
        "lifetime_seconds": int,
        "scopes": [str],
        "autoscope_enabled": bool,
    },
)
def create_obo_token(call: Call) -> CreateOboTokenResponse:
    """Without `lifetime_seconds` the token does not expire."""
    call.require_admin()
    application_id = call.body["application_id"]
    if call.state.find("principal", call.metastore, application_id) is None:
        raise errors.not_found("service principal", application_id)
    bearer, known = identity.issue_token(
        call.world,
        call.workspace,
        application_id,
        kind="pat",
        lifetime_seconds=call.body.get("lifetime_seconds"),
        created_by=call.principal,
        comment=call.body.get("comment"),
    )
    return CreateOboTokenResponse(token_info=_shape(known), token_value=bearer)


@routes.get(PATH, query={"created_by_id": int, "created_by_username": str})
def list_tokens(call: Call) -> dict[str, Any]:
    """All personal access tokens of the workspace."""
    call.require_admin()
    author = call.query.get("created_by_username")
    found = [known for known in _list(call) if author in (None, known["created_by"])]
    return {"token_infos": [_shape(known).as_dict() for known in found]}


@routes.get("/api/2.0/token/list")
def list_own_tokens(call: Call) -> dict[str, Any]:
    """The caller's own, without the bearers; which of them a request came with is not told [SDK]."""
    own = [known for known in _list(call) if known["principal"] == call.principal]
    shown = ("token_id", "creation_time", "expiry_time", "comment")
    return {"token_infos": [PublicTokenInfo(**{name: known[name] for name in shown}).as_dict() for known in own]}


@routes.get(PATH + "/{token_id}")
def get_token(call: Call) -> dict[str, Any]:
    """One of them."""
    call.require_admin()
    return {"token_info": _shape(_get(call)).as_dict()}


@routes.delete(PATH + "/{token_id}")
def delete_token(call: Call) -> None:
    """Its bearer is refused from now on."""
    call.require_admin()
    identity.revoke_token(call.world, call.workspace, _get(call)["token_id"])


def _get(call: Call) -> Document:
    wanted = call.params["token_id"]
    found = next((known for known in _list(call) if known["token_id"] == wanted), None)
    if found is None:
        raise errors.not_found("token", wanted)
    return found


def _list(call: Call) -> list[Document]:
    kept = call.state.list_all("token", call.workspace.name)
    return [known for _, known in kept if known["kind"] == "pat"]


def _shape(known: Document) -> TokenInfo:
    return TokenInfo(
        token_id=known["token_id"],
        creation_time=known["creation_time"],
        expiry_time=known["expiry_time"],
        comment=known["comment"],
        created_by_username=known["created_by"],
    )
