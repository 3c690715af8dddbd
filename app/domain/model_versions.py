"""Can a model version be used, what does it say of itself, and which bytes were promised under its name?"""

from __future__ import annotations

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
    """The digest of the publication that the version came by, or None for a version that no accepted catalog holds."""
    publication = find_publication(project, workspace, model, version)
    return publication.digest if publication is not None else None


def find_publication(project: str, workspace: str, model: str, version: int) -> Publication | None:
    """The active publication that the version came by, or None for a version that no accepted catalog holds."""
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
