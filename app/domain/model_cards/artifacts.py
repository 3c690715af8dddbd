"""Where does a model card stay, for whoever has no key to the API? As a page in the project's volume."""

from __future__ import annotations

import hashlib
from typing import Any

from app import configuration
from app.domain import model_cards
from app.domain.model_cards import page
from app.errors import DataNotFound, WorkspaceRefused
from app.store import records
from app.store.publications import Publication
from app.workspaces import files


def keep(publication_id: str, found: dict[str, Any]) -> dict[str, str] | None:
    """Write the card of the publication, of which `found` is to be true; answers its path and SHA-256.

    Not beside the model's own files: what lies there is proved by their digest, and is the same for every audience.
    None where the project has no volume in the workspace, or none that can be written: no publication fails for that.
    """
    record = records.get(Publication, publication_id)
    volume = configuration.current().projects[record.project].volumes.get(record.workspace)
    if volume is None:
        return None
    card = model_cards.make(Publication(**{**record.model_dump(), **found}))
    content = page.draw(card).encode()
    path = f"/Volumes/{volume.replace('.', '/')}/publications/{publication_id}/model-card.html"
    try:
        files.ensure_content(record.workspace, path, content)
    except (DataNotFound, WorkspaceRefused):
        return None
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest()}
