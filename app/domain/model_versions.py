"""Can a model version be used, what does it say of itself, and which bytes were promised under its name?"""

from __future__ import annotations

from typing import Any

from app.errors import DataNotFound, ModelVersionNotReady, SignatureMissing
from app.store import records
from app.store.acceptances import Acceptance
from app.store.publications import Publication
from app.workspaces import model_files, models
from app.workspaces.model_files import Description


def get_description(workspace: str, model: str, version: int) -> Description:
    """What a READY version with a signature states; raises `ModelVersionNotFound`, `ModelVersionNotReady` or
    `SignatureMissing`.
    """
    found = models.get_version(workspace, model, version)
    if found.state != models.READY:
        raise ModelVersionNotReady(workspace=workspace, model=model, version=version, state=found.state)
    try:
        description = model_files.get_description(workspace, model, version)
    except DataNotFound as missing:
        raise SignatureMissing(workspace=workspace, model=model, version=version) from missing
    if not description.has_signature:
        raise SignatureMissing(workspace=workspace, model=model, version=version)
    return description


def find_digest(project: str, workspace: str, model: str, version: int) -> str | None:
    """The digest of the publication or of the copy that the version came by; None when it came by neither."""
    copy = _find_copy(project, workspace, model, version)
    if copy is not None:
        return str(copy["digest"])
    publication = find_publication(project, workspace, model, version)
    return publication.digest if publication is not None else None


def find_publication(project: str, workspace: str, model: str, version: int) -> Publication | None:
    """The active publication that the version came by, or None for a version that no accepted catalog holds.

    Of a copy that the consumer owns it is the one that was copied, whatever has become of it.
    """
    copy = _find_copy(project, workspace, model, version)
    if copy is not None:
        return records.find(Publication, copy.get("publication_id") or "")
    catalog, _, shared_as = model.lower().partition(".")
    for acceptance in records.list_all(Acceptance, project=project, workspace=workspace, state="ACTIVE"):
        if acceptance.catalog.lower() != catalog:
            continue
        place = {"workspace": acceptance.provider_workspace, "audience": acceptance.audience}
        promised = {**place, "published_version": version, "state": "ACTIVE"}
        for publication in records.list_all(Publication, project=project, **promised):
            if str(publication.outcome.get("shared_as", "")).lower() == shared_as:
                return publication
    return None


def _find_copy(project: str, workspace: str, model: str, version: int) -> dict[str, Any] | None:
    """What an acceptance, of whatever state, keeps of the copy that the version is."""
    owned = {"model": model.lower(), "version": version}
    accepted = records.list_all(Acceptance, project=project, workspace=workspace)
    return next((copy for one in accepted for copy in one.outcome.get("copies", []) if copy["owned"] == owned), None)
