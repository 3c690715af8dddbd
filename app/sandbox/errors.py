"""How does the platform say no? One exception that carries the HTTP status and the platform's JSON body.

For every file of the sandbox: raise these, the wire turns them into answers.
"""

from collections.abc import Mapping
from typing import Any

# Unity Catalog names the kind of thing in the code for these; for all others the code is RESOURCE_….
_OWN_CODES = {"catalog", "schema", "share", "recipient", "provider", "metastore", "table"}
# What the platform calls a kind of thing in its messages.
_TITLES = {"function": "Routine or Model", "model": "Routine or Model"}


class PlatformError(Exception):
    """An answer other than success; `headers` go along (Retry-After), `body` replaces the usual JSON."""

    def __init__(
        self,
        status: int,
        error_code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.headers = dict(headers or {})
        self.body = dict(body or {"error_code": error_code, "message": message, "details": []})


def title(kind: str) -> str:
    """`kind` as the platform's messages write it: "Routine or Model" for a model, "Catalog" for a catalog."""
    return _TITLES.get(kind, kind.capitalize())


def invalid(message: str) -> PlatformError:
    """400 INVALID_PARAMETER_VALUE."""
    return PlatformError(400, "INVALID_PARAMETER_VALUE", message)


def not_found(kind: str, name: str) -> PlatformError:
    """404 with the code of that kind: CATALOG_DOES_NOT_EXIST for a catalog, RESOURCE_DOES_NOT_EXIST for a model."""
    code = kind.upper() if kind in _OWN_CODES else "RESOURCE"
    return PlatformError(404, f"{code}_DOES_NOT_EXIST", f"{title(kind)} '{name}' does not exist.")


def is_missing_object(error: PlatformError) -> bool:
    """Whether it says that one of the kinds with codes of their own is not there: its status nobody could verify."""
    kind, _, rest = error.error_code.lower().partition("_")
    return rest == "does_not_exist" and kind in _OWN_CODES


def already_exists(kind: str, name: str, status: int = 400) -> PlatformError:
    """The thing is there; the status is a variant, because nobody could verify it (400 or 409)."""
    code = kind.upper() if kind in _OWN_CODES else "RESOURCE"
    return PlatformError(status, f"{code}_ALREADY_EXISTS", f"{title(kind)} '{name}' already exists")


def denied(message: str) -> PlatformError:
    """403 PERMISSION_DENIED."""
    return PlatformError(403, "PERMISSION_DENIED", message)


def lacking(privilege: str, kind: str, name: str) -> PlatformError:
    """403 in Unity Catalog's words: "User does not have USE CATALOG on Catalog 'main'."."""
    return denied(f"User does not have {privilege.replace('_', ' ')} on {title(kind)} '{name}'.")


def unimplemented(method: str, path: str) -> PlatformError:
    """501 for a call that this sandbox does not know; it names itself, so that nobody searches elsewhere."""
    return PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox does not implement {method} {path}")
