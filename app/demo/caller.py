"""How does a program call Causeway? A key, JSON, and operations that are followed to their end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx

ANSWER_TIMEOUT_SECONDS = 120
WAIT_SECONDS = 1


class ProblemMet(Exception):
    """Causeway answered with a problem (RFC 9457), or an operation ended with one."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(str(problem.get("detail")))


class Caller:
    """A principal with its API key; every answer that is no success raises `ProblemMet`."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "causeway-demo"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=ANSWER_TIMEOUT_SECONDS, trust_env=False)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """What is at the path."""
        return self._read(self._client.get(path, params=query))

    def list_all(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of all pages."""
        token: str | None = None
        while True:
            page = self.get(path, **query, **({"page_token": token} if token else {}))
            yield from page["items"]
            if (token := page["next_page_token"]) is None:
                return

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a body."""
        return self._read(self._client.post(path, json=body))

    def start(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The operation that the body asks for, just accepted."""
        return self._read(self._client.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())}))

    def follow(self, operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The operation as it goes on, the last one done; raises `ProblemMet` when that is not a success.

        Long polls of a second: one answer at the end would be enough, but people like to see the steps.
        """
        tag = ""
        yield operation
        while not operation["done"]:
            answer = self._client.get(
                f"/v1/operations/{operation['id']}",
                params={"wait_seconds": WAIT_SECONDS},
                headers={"If-None-Match": tag} if tag else {},
            )
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                operation, tag = self._read(answer), answer.headers["ETag"]
            yield operation
        if operation["state"] != "SUCCEEDED":
            raise ProblemMet(operation["error"] or {"detail": f"The operation ended as {operation['state']}."})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_success:
            return dict(answer.json())
        try:
            problem = answer.json()
        except ValueError:
            problem = {"detail": f"{answer.request.url} answered {answer.status_code} without a problem's text."}
        raise ProblemMet(problem)
