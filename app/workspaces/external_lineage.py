"""What does a workspace's own lineage say of where a model version came from, beyond its metastore?"""

from __future__ import annotations

from contextlib import suppress

from databricks.sdk.service.catalog import (
    CreateRequestExternalLineage,
    ExternalLineageExternalMetadata,
    ExternalLineageModelVersion,
    ExternalLineageObject,
    ExternalMetadata,
    LineageDirection,
    SystemType,
)

from app.errors import AlreadyExists, ModelVersionNotFound, UpstreamNotFound, WrittenNotVisible
from app.workspaces import faults
from app.workspaces.clients import connected

ENTITY = "model"


def ensure_source(workspace: str, name: str, *, description: str) -> None:
    """The external metadata object that stands for a model elsewhere, made if there is none.

    Raises `WorkspaceRefused` without CREATE_EXTERNAL_METADATA on the metastore.
    """
    if _has_source(workspace, name):
        return
    action = f"creating external metadata {name}"
    wanted = ExternalMetadata(name, SystemType.DATABRICKS, ENTITY, description=description)
    with suppress(AlreadyExists), connected(workspace, action) as client:
        client.external_metadata.create_external_metadata(wanted)
    if not _has_source(workspace, name):
        raise WrittenNotVisible(workspace=workspace, action=action)


def ensure_link(workspace: str, source: str, model: str, version: int, properties: dict[str, str]) -> None:
    """The external lineage from the source to the version, made if there is none.

    Raises `ModelVersionNotFound`, and `WorkspaceRefused` without the right to say something of the version.
    """
    if _has_link(workspace, source, model, version):
        return
    action = f"writing the lineage of {model} version {version}"
    link = CreateRequestExternalLineage(
        ExternalLineageObject(external_metadata=ExternalLineageExternalMetadata(source)),
        _make_version(model, version),
        properties=properties,
    )
    with suppress(AlreadyExists), connected(workspace, action, _missing(workspace, model, version)) as client:
        client.external_lineage.create_external_lineage_relationship(link)
    if not _has_link(workspace, source, model, version):
        raise WrittenNotVisible(workspace=workspace, action=action)


def _has_source(workspace: str, name: str) -> bool:
    missing = faults.make_missing(UpstreamNotFound, workspace, "external metadata", name)
    try:
        with connected(workspace, f"reading external metadata {name}", missing) as client:
            client.external_metadata.get_external_metadata(name)
    except UpstreamNotFound:
        return False
    return True


def _has_link(workspace: str, source: str, model: str, version: int) -> bool:
    action, missing = f"reading the lineage of {model} version {version}", _missing(workspace, model, version)
    with connected(workspace, action, missing) as client:
        upstream = client.external_lineage.list_external_lineage_relationships(
            _make_version(model, version), LineageDirection.UPSTREAM
        )
        links = [one.external_lineage_info for one in upstream if one.external_lineage_info is not None]
    known = [link.source.external_metadata for link in links]
    return any(one is not None and one.name == source for one in known)


def _make_version(model: str, version: int) -> ExternalLineageObject:
    return ExternalLineageObject(model_version=ExternalLineageModelVersion(model, str(version)))


def _missing(workspace: str, model: str, version: int) -> UpstreamNotFound:
    return faults.make_missing(ModelVersionNotFound, workspace, "model version", f"{model} version {version}")
