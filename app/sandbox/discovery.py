"""Where does a client find its way? The host's discovery document, the OIDC document, and the caller's own account."""

from typing import Any

from app.sandbox.wire import Call, Routes

routes = Routes()


@routes.get("/.well-known/databricks-config", public=True)
def get_host_metadata(call: Call) -> dict[str, Any]:
    """What every client asks first; without the OIDC endpoint, OAuth fails at construction [RUN]."""
    return {
        "oidc_endpoint": f"{call.workspace.host}/oidc",
        "account_id": call.workspace.account_id,
        "workspace_id": call.workspace.id,
        "cloud": call.workspace.metastore.cloud.upper(),
    }


@routes.get("/oidc/.well-known/oauth-authorization-server", public=True)
def get_oidc_document(call: Call) -> dict[str, Any]:
    """Where tokens are given out."""
    oidc = f"{call.workspace.host}/oidc"
    return {
        "issuer": oidc,
        "authorization_endpoint": f"{oidc}/v1/authorize",
        "token_endpoint": f"{oidc}/v1/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
