"""A page of a live list that has something in it: filtering, and the platform itself, leave pages empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.workspaces.pages import Page

MOST_PAGES = 10
Item = TypeVar("Item")


def read(get: Callable[[str | None], Page[Item]], token: str | None) -> Page[Item]:
    """The first page from `token` on that is not empty; an empty one after so many that a caller should not wait."""
    page = get(token)
    for _ in range(MOST_PAGES - 1):
        if page.items or page.next_page_token is None:
            break
        page = get(page.next_page_token)
    return page
