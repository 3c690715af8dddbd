"""Adoptions: shares and recipients that somebody else made under a name of Causeway's, and that an admin took over."""

from __future__ import annotations

from app.store.records import Kept


class Adoption(Kept, table=True):
    """One object that counts as Causeway's own since; `object_kind` is share or recipient, `name` in lower case.

    Its id is made of workspace, kind, name and when the object was made: the same object is adopted once, and another
    one of its name is not.
    """

    __tablename__ = "adoptions"

    workspace: str
    object_kind: str
    name: str
    reason: str
    created_by: str
