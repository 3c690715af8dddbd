"""How is a long list read? A page at a time, or whole; a page may be empty and still have a next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from databricks.sdk import WorkspaceClient

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items, and the token of the next page; no token means that this is the last."""

    items: list[Item]
    next_page_token: str | None


def get_page(
    client: WorkspaceClient, path: str, key: str, make: Callable[[dict[str, Any]], Item], **query: Any
) -> Page[Item]:
    """One page by one request; `key` names the list in the answer, `query` leaves out what is None."""
    asked = {name: value for name, value in query.items() if value is not None}
    answer = client.api_client.do("GET", path, query=asked, headers={"Accept": "application/json"})
    content = answer if isinstance(answer, dict) else {}
    return Page([make(item) for item in content.get(key) or []], content.get("next_page_token") or None)


def iterate(
    client: WorkspaceClient, path: str, key: str, make: Callable[[dict[str, Any]], Item], **query: Any
) -> Iterator[Item]:
    """Every item of every page, a request a page."""
    token: str | None = None
    while True:
        page = get_page(client, path, key, make, page_token=token, **query)
        yield from page.items
        if page.next_page_token is None:
            return
        token = page.next_page_token


def as_time(milliseconds: int | None) -> datetime | None:
    """The platform's epoch milliseconds as a time in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
