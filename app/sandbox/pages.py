"""Which entries are on this page, and is there another? The platform's page tokens, awkward manners included."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from app.sandbox import errors
from app.sandbox.wire import Call

# The query parameters of every paged list.
PAGED = {"max_results": int, "page_token": str}
Entry = TypeVar("Entry")


def page(
    call: Call,
    key: str,
    entries: Sequence[Entry],
    shape: Callable[[Entry], Any],
    visible: Callable[[Entry], bool] = lambda entry: True,
    size_name: str = "max_results",
    never_empty: bool = False,
    most: int | None = None,
) -> dict[str, Any]:
    """One page of the list under `key`, each entry as `shape` makes it (an SDK dataclass or a dict).

    Entries that the caller may not see are left out after the page was cut, and a paged list begins with an empty page
    (setting `empty_first_page`, but not where `never_empty`): a page may be empty and still have a next token; only
    its absence ends the list [SDK]. A call that says nothing about pages gets everything at once, the platform's
    deprecated way, but not where a page holds `most` entries: there every answer is a page [SDK].
    """
    settings = call.world.settings
    size, token = call.query.get(size_name), call.query.get("page_token")
    if size is not None and size < 0:
        raise errors.invalid(f"{size_name} must not be negative.")
    if most is not None:
        size = min(size or 0, most)
    start, end = 0, len(entries)
    if token:
        start = _read_token(token)
        end = start + (size or settings.page_size)
    elif size is not None:
        end = 0 if settings.empty_first_page and not never_empty else size or settings.page_size
    shown = [_plain(shape(entry)) for entry in entries[start:end] if visible(entry)]
    answer: dict[str, Any] = {key: shown} if shown else {}
    if end < len(entries):
        answer["next_page_token"] = _make_token(end)
    return answer


def _plain(shaped: Any) -> Any:
    return shaped.as_dict() if hasattr(shaped, "as_dict") else shaped


def _make_token(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode()


def _read_token(token: str) -> int:
    try:
        prefix, _, start = base64.urlsafe_b64decode(token).decode().partition(":")
        if prefix == "from":
            return int(start)
    except ValueError:
        pass
    raise errors.invalid("Invalid page_token.")
