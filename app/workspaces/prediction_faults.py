"""What does an endpoint's refusal mean? The model's own "no" is told apart from the platform's, and both from ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from app.errors import (
    BodyTooLarge,
    EndpointNotFound,
    EndpointNotServing,
    ModelVersionNotFound,
    PredictionRejected,
    Problem,
    TokenRefused,
    WorkspaceFault,
    WorkspaceRefused,
    WorkspaceTimeout,
)
from app.workspaces import faults

# The platform's limit for custom models [DOC].
BODY_LIMIT_BYTES = 16 * 1024 * 1024
QUOTES_ROWS = ("Failed to predict data", "Failed to enforce schema of data")
HIDES_CAUSE = "Encountered an unexpected error while evaluating the model"
RAISED = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception)\b.*", re.MULTILINE)


def read(workspace: str, endpoint: str, status: int, headers: Mapping[str, str], said: bytes) -> tuple[Problem, bool]:
    """The problem that the answer means, and whether it was the token that was refused."""
    upstream = _read_upstream(said)
    message = str(upstream.get("message", ""))
    stale_token = status == 401 or (status == 403 and faults.STALE_TOKEN.search(message) is not None)
    fields: dict[str, Any] = {"workspace": workspace, "upstream": upstream}
    acting = {**fields, "action": f"predicting with endpoint {endpoint}"}
    if stale_token:
        return TokenRefused(retry_after_seconds=1, **acting), True
    # A stopped endpoint answers 400 too [DOC].
    if status in {429, 502, 503} or (status == 400 and "is stopped" in message):
        wait = faults.read_retry_after(headers)
        return EndpointNotServing(retry_after_seconds=wait, endpoint=endpoint, **fields), False
    if status == 413 or (status == 400 and message.startswith("Request size cannot exceed")):
        return BodyTooLarge(limit_bytes=BODY_LIMIT_BYTES), False
    if status in {400, 415, 422}:
        return PredictionRejected(endpoint=endpoint, upstream_message=message or "no reason given", **fields), False
    if status == 404:
        return _missing(endpoint, message, fields), False
    kind = {403: WorkspaceRefused, 408: WorkspaceTimeout, 504: WorkspaceTimeout}.get(status, WorkspaceFault)
    return kind(**acting), False


def _missing(endpoint: str, message: str, fields: dict[str, Any]) -> Problem:
    """What is not there: the endpoint, or what it serves, when its provider withdrew that and the platform minds."""
    named = re.search(r"'([^']+)'", message)
    if named is None or endpoint in message:
        return EndpointNotFound(kind="endpoint", name=endpoint, **fields)
    return ModelVersionNotFound(kind="model version", name=named[1], **fields)


def _read_upstream(said: bytes) -> dict[str, Any]:
    try:
        content = json.loads(said)
    except ValueError:
        return faults.make_upstream(None, "")
    if not isinstance(content, dict):
        return faults.make_upstream(None, "")
    code = content.get("error_code")
    return faults.make_upstream(str(code) if code else None, _read_message(content))


def _read_message(content: dict[str, Any]) -> str:
    """The scorer's message without the rows that it quotes; what the model raised, where the message hides it [MLF].

    Of the stack trace beside it nothing else is shown.
    """
    message, trace = str(content.get("message") or ""), str(content.get("stack_trace") or "")
    if message.startswith(QUOTES_ROWS):
        return message.rpartition("Error: ")[2]
    raised = RAISED.findall(trace) if message.startswith(HIDES_CAUSE) else []
    return raised[-1] if raised else message
