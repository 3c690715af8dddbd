"""What every problem is: a code, a status, and a text made from its fields.

A class states `code`, `status`, `title` and a `template` of two sentences: what is the case; what to do. Every value in
the text is a field of its own, because the text is made from the fields. Codes never change once released.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Problem(Exception):
    """An error a caller can act on; rendered as `application/problem+json` (RFC 9457)."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    template: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, *, retry_after_seconds: int | None = None, **fields: Any) -> None:
        """Keep `fields` as members of the problem; `retry_after_seconds` becomes the Retry-After header."""
        self.fields = fields
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """The template filled from the fields."""
        return self.template.format(**self.fields)

    def as_dict(self) -> dict[str, Any]:
        """The problem as JSON, without `instance` and `request_id`, which belong to one answer."""
        members: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "code": self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "retryable": self.retryable,
        }
        if self.retry_after_seconds is not None:
            members["retry_after_seconds"] = self.retry_after_seconds
        return {**self.fields, **members}


class RequestProblem(Problem):
    """The caller can mend it."""


class StateProblem(Problem):
    """The request is sound, but the world stands in its way."""

    status = 409


class UpstreamProblem(Problem):
    """A workspace refused, failed or stayed silent; carries `workspace` and, where one came, `upstream`."""

    status = 502


class OperationProblem(Problem):
    """Slow work that ended badly after it was accepted; found in `operation.error`, never as an answer of its own."""

    status = 500
