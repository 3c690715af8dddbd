"""What does an upstream error mean? One table from the SDK's error classes and codes to the catalogue of problems."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from databricks.sdk.errors import (
    DeadlineExceeded,
    InternalError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceConflict,
    TemporarilyUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from databricks.sdk.errors.base import DatabricksError

from app.errors import (
    AlreadyExists,
    DeletionBlocked,
    NameNotAccepted,
    NotShareable,
    Problem,
    ProviderNotFound,
    QuotaReached,
    ShareNotFound,
    SharingUnavailable,
    TokenRefused,
    UnityCatalogUnavailable,
    UpstreamNotFound,
    UpstreamProblem,
    WorkspaceConflict,
    WorkspaceFault,
    WorkspaceRefused,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)

MESSAGE_LIMIT = 300
RETRY_AFTER_SECONDS = 5
STALE_TOKEN = re.compile(
    r"(?i)invalid (access )?token|token (is |has )?(been )?(expired|invalid|revoked)|expired token"
)


class RetryRefused(Exception):
    """The SDK wanted to sleep and repeat a call; the error that made it want to is in `__context__`."""


@dataclass(frozen=True)
class _Rule:
    """All that is given must hold; `kind` None stands for the call's own not-found problem."""

    kind: type[UpstreamProblem] | None
    code: str = ".*"
    error: type[Exception] = Exception
    message: str = ""


# The first that holds counts. Codes come before classes: of one condition the platform changes the HTTP status, and so
# the SDK's class, more often than the code [SDK]. The SDK keeps no status.
_RULES = (
    _Rule(UnityCatalogUnavailable, code=r"METASTORE_DOES_NOT_EXIST"),
    _Rule(UnityCatalogUnavailable, message=r"(?i)\b(no longer|not) assigned to (this|any|a) metastore|no metastore"),
    _Rule(SharingUnavailable, message=r"(?i)sharing\b.* is not enabled"),
    _Rule(UnityCatalogUnavailable, code=r"FEATURE_DISABLED"),
    _Rule(QuotaReached, code=r"RESOURCE_LIMIT_EXCEEDED|QUOTA_EXCEEDED"),
    _Rule(DeletionBlocked, code=r"DELTA_SHARING_SECURABLE_DELETE_BLOCKED|(CATALOG|SCHEMA)_NOT_EMPTY"),
    _Rule(NameNotAccepted, error=InvalidParameterValue, message=r"is not a valid name"),
    _Rule(NotShareable, error=InvalidParameterValue, message=r"can be added to a share|cannot be (shared|added) again"),
    _Rule(AlreadyExists, code=r"(.*_)?ALREADY_EXISTS"),
    _Rule(WorkspaceFault, code=r"ENDPOINT_NOT_FOUND"),
    _Rule(None, code=r".*_DOES_NOT_EXIST|NOT_FOUND|PROVIDER_SHARE_NOT_ACCESSIBLE"),
    _Rule(None, error=InvalidParameterValue, message=r"^Run\b.* (does not|doesn't) exist"),
    _Rule(WorkspaceConflict, code=r"RESOURCE_CONFLICT|INVALID_STATE(_TRANSITION)?|ABORTED|PERMISSION_NOT_PROPAGATED"),
    _Rule(TokenRefused, error=Unauthenticated),
    _Rule(TokenRefused, error=PermissionDenied, message=STALE_TOKEN.pattern),
    _Rule(WorkspaceRefused, error=PermissionDenied),
    _Rule(None, error=NotFound),
    _Rule(WorkspaceConflict, error=ResourceConflict),
    _Rule(WorkspaceThrottled, error=TooManyRequests),
    _Rule(WorkspaceTimeout, error=DeadlineExceeded),
    _Rule(WorkspaceUnavailable, error=TemporarilyUnavailable),
    _Rule(WorkspaceUnavailable, error=InternalError),
    # 502 has neither class nor code; the SDK makes one of the reason phrase [SDK].
    _Rule(WorkspaceUnavailable, code=r"BAD_GATEWAY"),
    _Rule(WorkspaceUnavailable, message=r"^Bad Gateway$"),
    _Rule(WorkspaceTimeout, error=requests.ReadTimeout),
    _Rule(WorkspaceUnavailable, error=requests.Timeout),
    _Rule(WorkspaceUnavailable, error=requests.ConnectionError),
    _Rule(WorkspaceUnavailable, error=requests.exceptions.ChunkedEncodingError),
    _Rule(WorkspaceFault),
)
# What other calls go through: when one of these is gone, what was asked for in it is not the news.
_BEHIND = {"SHARE_DOES_NOT_EXIST": ShareNotFound, "PROVIDER_DOES_NOT_EXIST": ProviderNotFound}


def make_missing(kind: type[UpstreamNotFound], workspace: str, noun: str, name: str) -> UpstreamNotFound:
    """The not-found problem of a call, to be passed with it.

    Names go into paths unescaped [SDK], so a name that no object can have is raised as not found at once.
    """
    problem = kind(workspace=workspace, kind=noun, name=name)
    if not name or name in {".", ".."} or re.search(r"[/\\?#%\x00-\x1f\x7f]", name):
        raise problem
    return problem


def as_problem(error: Exception, workspace: str, action: str, missing: UpstreamNotFound | None = None) -> Problem:
    """The problem that `error` means for `action`; a `RetryRefused` is seen through."""
    error = _unwrap(error)
    if isinstance(error, Problem):
        return error
    fields: dict[str, Any] = {"workspace": workspace, "action": action}
    if isinstance(error, DatabricksError):
        fields["upstream"] = make_upstream(error.error_code, str(error))
    kind = next(rule.kind for rule in _RULES if _holds(rule, error))
    if kind is None and missing is not None:
        missing = _find_way_there(error, missing) or missing
        return type(missing)(**{**missing.fields, "upstream": fields.get("upstream")})
    kind = kind or WorkspaceFault
    return kind(retry_after_seconds=_retry_after(kind, error), **fields)


def as_sign_in_problem(status: int, headers: Mapping[str, str], workspace: str) -> Problem:
    """What the token call's refusal means; its body is not shown."""
    wait = read_retry_after(headers)
    fields: dict[str, Any] = {"workspace": workspace, "action": "signing in"}
    if status in {400, 401, 403}:
        return WorkspaceRefused(**fields)
    if status == 429:
        return WorkspaceThrottled(retry_after_seconds=wait, **fields)
    if status >= 500:
        return WorkspaceUnavailable(retry_after_seconds=wait, **fields)
    return WorkspaceFault(**fields)


def is_stale_token(error: Exception) -> bool:
    """Whether the platform refused the token and not what was asked by it: 401, or a 403 that says so [DOC]."""
    error = _unwrap(error)
    return isinstance(error, Unauthenticated) or (
        isinstance(error, PermissionDenied) and STALE_TOKEN.search(str(error)) is not None
    )


def read_retry_after(headers: Mapping[str, str]) -> int:
    """Retry-After in seconds, from seconds or a date; the default when it is absent or neither."""
    value = headers.get("Retry-After", "")
    if value.isdigit():
        return int(value)
    try:
        until = parsedate_to_datetime(value)
        return max(0, math.ceil((until - datetime.now(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return RETRY_AFTER_SECONDS


def make_upstream(error_code: str | None, message: str) -> dict[str, Any]:
    """What a problem shows of the platform's answer: its code and one line without addresses."""
    lines = message.splitlines()
    shown = re.sub(r"https?://\S+", "[address]", lines[0])[:MESSAGE_LIMIT] if lines else ""
    # The SDK puts the whole exchange into the message of an answer that it cannot read [SDK].
    if shown.startswith("unable to parse response"):
        shown = ""
    return {"error_code": error_code, **({"message": shown} if shown else {})}


def _unwrap(error: Exception) -> Exception:
    return error.__context__ if isinstance(error, RetryRefused) and isinstance(error.__context__, Exception) else error


def _holds(rule: _Rule, error: Exception) -> bool:
    code = (error.error_code or "") if isinstance(error, DatabricksError) else ""
    return (
        isinstance(error, rule.error)
        and re.fullmatch(rule.code, code) is not None
        and re.search(rule.message, str(error)) is not None
    )


def _find_way_there(error: Exception, missing: UpstreamNotFound) -> UpstreamNotFound | None:
    """The share or provider that the platform says is not there, where the call was about something behind it."""
    code = (error.error_code or "") if isinstance(error, DatabricksError) else ""
    kind, named = _BEHIND.get(code), re.search(r"'([^']+)'", str(error))
    if kind is None or named is None or isinstance(missing, kind):
        return None
    return kind(workspace=missing.fields["workspace"], kind=code.partition("_")[0].lower(), name=named[1])


def _retry_after(kind: type[Problem], error: Exception) -> int | None:
    if isinstance(error, DatabricksError) and error.retry_after_secs is not None:
        return error.retry_after_secs
    return RETRY_AFTER_SECONDS if kind in {WorkspaceThrottled, WorkspaceUnavailable} else None
