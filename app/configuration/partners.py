"""What projects take from Databricks partners, under which catalog names, and where two of them would meet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from app.configuration.schema import Configuration, Project

Taken = tuple[str, str, str, str]
"""A share that a project takes from a partner: workspace, sharing identifier, share, derived catalog."""


def partner_catalog(project: str, partner: str, share: str) -> str:
    """The catalog that a partner's share becomes unless the acceptance names another one."""
    return f"causeway_{project}_{partner}_{share}".replace("-", "_").lower()


def list_catalogs(name: str, project: Project, workspace: str) -> set[str]:
    """The catalogs in the workspace that are the project's because it takes a partner's share there."""
    return {catalog for place, _, _, catalog in _list_taken(name, project) if place == workspace}


def list_partner_mistakes(configuration: Configuration, share_names: dict[str, str]) -> Iterator[str]:
    """Two projects that take one share or derive one name, and readers that are another project's own runner.

    `share_names` are the names derived from audiences, each with its project.
    """
    takers: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, project in configuration.projects.items():
        for workspace, identifier, share, catalog in _list_taken(name, project):
            takers[workspace, f"share {share.lower()} of {identifier}"].append(name)
            takers[workspace, f"catalog {catalog}"].append(name)
            if share_names.get(share, name) != name:
                yield f"projects.{name}.partners.{workspace}: {share} is the share of project {share_names[share]}"
            if catalog in share_names:
                yield f"projects {name} and {share_names[catalog]} both derive the catalog name {catalog}"
        yield from _list_reader_mistakes(configuration, name, project)
    for (workspace, taken), names in takers.items():
        if len(names) > 1:
            yield f"projects {' and '.join(names)} both take {taken} in {workspace}"


def _list_taken(name: str, project: Project) -> Iterator[Taken]:
    for workspace, partners in project.partners.items():
        for partner, declared in partners.items():
            for share in declared.shares:
                yield workspace, declared.sharing_identifier, share, partner_catalog(name, partner, share)


def _list_reader_mistakes(configuration: Configuration, name: str, project: Project) -> Iterator[str]:
    for workspace, readers in project.readers.items():
        for other, declared in configuration.projects.items():
            if other != name and declared.runners.get(workspace) in readers:
                yield f"projects.{name}.readers.{workspace}: {declared.runners[workspace]} is the runner of {other}"
