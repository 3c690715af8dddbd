"""Partners: whose shares may a project take, though nobody here runs their workspaces?"""

from __future__ import annotations

from app import configuration
from app.configuration import partner_catalog
from app.domain.access import Caller, list_projects
from app.errors import NotInProject


def get_catalog(project: str, workspace: str, sharing_identifier: str, share: str) -> str:
    """The derived name of the catalog that the partner's share becomes; raises `NotInProject` for any other share."""
    declared = configuration.current().projects[project].partners.get(workspace, {})
    for name, partner in declared.items():
        if partner.sharing_identifier == sharing_identifier and share in partner.shares:
            return partner_catalog(project, name, share)
    raise NotInProject(
        project=project, kind="partner's share", name=f"{sharing_identifier}/{share}", workspace=workspace
    )


def list_shares(caller: Caller, workspace: str) -> dict[str, dict[str, list[str]]]:
    """By sharing identifier: each share that projects of the caller take from that partner, and these projects."""
    found: dict[str, dict[str, list[str]]] = {}
    for project in list_projects(caller):
        for partner in configuration.current().projects[project].partners.get(workspace, {}).values():
            for share in partner.shares:
                found.setdefault(partner.sharing_identifier, {}).setdefault(share, []).append(project)
    return found
