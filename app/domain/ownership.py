"""Whose is a share or a recipient that bears a name of Causeway's? Ours, if we made it or an admin adopted it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial

from app.store import records as store
from app.store.adoptions import Adoption
from app.workspaces import identities, shares
from app.workspaces.recipients import Recipient
from app.workspaces.shares import Share


def adoption_id(workspace: str, kind: str, name: str, made_at: datetime | None) -> str:
    """The id of the adoption of this share or recipient: the same object has the same one, whoever asks.

    One that somebody makes under the name later, when this one is gone, is another object.
    """
    made = made_at.isoformat() if made_at is not None else ""
    digest = hashlib.sha256("|".join([workspace, kind, name.lower(), made]).encode()).hexdigest()
    return f"ado_{digest[:26]}"


def is_adopted(workspace: str, kind: str, name: str, made_at: datetime | None) -> bool:
    """Whether an admin took the share or recipient over that was made then."""
    return store.find(Adoption, adoption_id(workspace, kind, name, made_at)) is not None


def is_ours(workspace: str, recipient: Recipient) -> bool:
    """Whether Causeway made the recipient, or an admin adopted it; the platform's `self` is nobody's."""
    own = identities.is_own(workspace, recipient.created_by, recipient.owner)
    return own or is_adopted(workspace, "recipient", recipient.name, recipient.created_at)


def find_share(workspace: str, share: str) -> Share | None:
    """Our share with its objects, or None; raises `ShareNameTaken` for one that is neither ours nor adopted."""
    return shares.find_own_share(workspace, share, is_adopted=partial(_is_share_adopted, workspace))


def ensure_share(workspace: str, share: str, *, comment: str) -> Share:
    """Our share, made if there is none; raises `ShareNameTaken` for one that is neither ours nor adopted."""
    return shares.ensure_share(workspace, share, comment=comment, is_adopted=partial(_is_share_adopted, workspace))


def _is_share_adopted(workspace: str, share: Share) -> bool:
    return is_adopted(workspace, "share", share.name, share.created_at)
