"""What a fuzzer has to be told to take truthful answers for what they are; importing it is enough."""

from __future__ import annotations

import secrets
from typing import Any

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

EXACTLY_ONE: dict[str, tuple[str, str, Any]] = {
    "training_run": ("max_trials", "budget_seconds", 1),
    "scoring_run": ("rows", "data", [{"temp": 0.5}]),
}
"""Of two fields exactly one is given, which a schema says only with a union: which one, in place of which."""


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Mend, in requests that should be taken, what only a well-behaved caller can know.

    A key used before with another body is refused, so each request gets its own; a page token is opaque, and only the
    service makes them.
    """
    if case.meta is not None and case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    (case.query or {}).pop("page_token", None)
    kind = (case.operation.definition.raw.get("operationId") or "").partition("_")[2]
    if isinstance(case.body, dict) and kind in EXACTLY_ONE:
        kept, left_out, value = EXACTLY_ONE[kind]
        case.body.pop(left_out, None)
        case.body[kept] = case.body.get(kept) or value
    if isinstance(case.body, dict) and kind == "acceptance":
        _accept_from_a_workspace(case.body)


def _accept_from_a_workspace(body: dict[str, Any]) -> None:
    """A linked workspace goes with an audience, a partner with a share, a place for copies with the wish for them."""
    body["provider"], body["audience"] = {"workspace": "dev"}, body.get("audience") or "azure"
    body.pop("share", None)
    if not body.get("copy"):
        body.pop("copy_to", None)
