"""Pages by keyset on (created_at, id): stable while new rows arrive, and as quick on the last page as on the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import and_, or_
from sqlmodel import Session, col

from app.errors import PageTokenInvalid

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and where the next page begins; `after` is None at the end."""

    items: list[Row]
    after: str | None


def read_page(session: Session, statement: Any, table: Any, after: str | None, size: int) -> Page[Row]:
    """The next `size` rows of `statement`, newest first, behind the row that `after` names.

    Raises `PageTokenInvalid` for an `after` that no page has given out.
    """
    if after is not None:
        moment, last_id = _parse(after)
        statement = statement.where(
            or_(col(table.created_at) < moment, and_(col(table.created_at) == moment, col(table.id) < last_id))
        )
    statement = statement.order_by(col(table.created_at).desc(), col(table.id).desc()).limit(size + 1)
    rows = list(session.exec(statement))
    more = len(rows) > size
    last = rows[size - 1] if more else None
    return Page(rows[:size], f"{last.created_at.isoformat()}|{last.id}" if last is not None else None)


def _parse(after: str) -> tuple[datetime, str]:
    at, _, last_id = after.partition("|")
    try:
        moment = datetime.fromisoformat(at)
        # A time without a zone, or before the first year of UTC, has no place in the order.
        has_place = moment.tzinfo is not None and moment.astimezone(UTC) is not None
    except (ValueError, OverflowError) as error:
        raise PageTokenInvalid from error
    # PostgreSQL takes no NUL in a text, and no database half of a character.
    if not has_place or not (last_id.isascii() and last_id.isprintable()):
        raise PageTokenInvalid
    return moment, last_id
