"""What a well-formed configuration may still get wrong: dangling names, and two projects claiming the same thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, permutations

from app.configuration.partners import list_catalogs, list_partner_mistakes
from app.configuration.schema import Configuration, Project


def list_mistakes(configuration: Configuration) -> list[str]:
    """Every mistake as one sentence that names both sides; empty when the file can be used."""
    return [
        *_dangling(configuration),
        *_overlaps(configuration),
        *_shared_identities(configuration),
        *list_partner_mistakes(configuration, _share_names(configuration)),
    ]


def share_name(project: str, audience: str) -> str:
    """The one name of the share, of the shareable schema, and by default of the consumer's catalog."""
    return f"causeway_{project}_{audience}"


def _share_names(configuration: Configuration) -> dict[str, str]:
    """Every derived share name, with its project."""
    return {
        share_name(name, one): name for name, project in configuration.projects.items() for one in project.audiences
    }


def _dangling(configuration: Configuration) -> Iterator[str]:
    known = set(configuration.workspaces)
    for link in configuration.links:
        for end in {link.source, link.target} - known:
            yield f"links: workspace {end} is not declared"
    for name, project in configuration.projects.items():
        for part in ("runners", "volumes", "sources", "endpoints", "partners", "readers"):
            for workspace in set(getattr(project, part)) - known:
                yield f"projects.{name}.{part}: workspace {workspace} is not declared"
        yield from _audience_mistakes(name, project, known)
        yield from _policy_mistakes(name, project)
        yield from _table_mistakes(name, project)
        yield from _owner_mistakes(name, project, configuration)


def _audience_mistakes(name: str, project: Project, known: set[str]) -> Iterator[str]:
    for audience, declared in project.audiences.items():
        for recipient in declared.recipients:
            if (recipient.workspace is None) == (recipient.sharing_identifier is None):
                yield f"projects.{name}.audiences.{audience}: name a workspace or a sharing_identifier, one of them"
            elif recipient.workspace is not None and recipient.workspace not in known:
                yield f"projects.{name}.audiences.{audience}: workspace {recipient.workspace} is not declared"


def _table_mistakes(name: str, project: Project) -> Iterator[str]:
    for audience, declared in project.audiences.items():
        for workspace, tables in declared.tables.items():
            patterns = project.sources.get(workspace, [])
            for table in tables:
                if not any(pattern == table or _covers(pattern, table) for pattern in patterns):
                    place = f"projects.{name}.audiences.{audience}.tables.{workspace}"
                    yield f"{place}: {table} is not among the project's sources there"


def _policy_mistakes(name: str, project: Project) -> Iterator[str]:
    approvers = len(set(project.roles.get("approver", [])))
    for audience, declared in project.audiences.items():
        needed = declared.policy.approvals
        if needed > approvers:
            place = f"projects.{name}.audiences.{audience}.policy"
            yield f"{place}: {needed} approval(s) are needed, and the project has {approvers} approver(s)"


def _owner_mistakes(name: str, project: Project, configuration: Configuration) -> Iterator[str]:
    for role, principals in project.roles.items():
        for principal in principals:
            if principal.startswith("service:") and principal not in configuration.principals:
                yield f"projects.{name}.roles.{role}: {principal} has no owner under principals"
            if principal.startswith("service:") and role == "approver":
                yield f"projects.{name}.roles.approver: {principal} is not a person"


def _overlaps(configuration: Configuration) -> Iterator[str]:
    for (one, first), (other, second) in combinations(configuration.projects.items(), 2):
        for workspace in set(first.volumes) & set(second.volumes):
            if first.volumes[workspace] == second.volumes[workspace]:
                yield f"projects {one} and {other} share volume {first.volumes[workspace]} in {workspace}"
        for part in ("sources", "endpoints"):
            for workspace in set(getattr(first, part)) & set(getattr(second, part)):
                for a, b in _clashes(getattr(first, part)[workspace], getattr(second, part)[workspace]):
                    yield f"projects {one} and {other} both claim {part} {a} and {b} in {workspace}"
        for a in first.audiences:
            for b in second.audiences:
                if share_name(one, a) == share_name(other, b):
                    yield f"projects {one} and {other} both derive the share name {share_name(one, a)}"
    yield from _control_volumes(configuration)
    yield from _claimed_catalogs(configuration)


def _control_volumes(configuration: Configuration) -> Iterator[str]:
    for name, project in configuration.projects.items():
        for workspace, volume in project.volumes.items():
            declared = configuration.workspaces.get(workspace)
            if declared is not None and declared.volume == volume:
                yield f"projects.{name}.volumes.{workspace}: {volume} is the workspace's control volume"


def _claimed_catalogs(configuration: Configuration) -> Iterator[str]:
    """Sources of one project that reach into the catalog of another, which is derived from an audience or a partner."""
    of_audiences = _share_names(configuration)
    for owner, other in permutations(configuration.projects, 2):
        audiences = {catalog for catalog, name in of_audiences.items() if name == owner}
        for workspace, patterns in configuration.projects[other].sources.items():
            catalogs = audiences | list_catalogs(owner, configuration.projects[owner], workspace)
            for pattern, catalog in _clashes(patterns, sorted(f"{catalog}.*" for catalog in catalogs)):
                yield f"projects.{other}.sources.{workspace}: {pattern} is in {catalog}, which is the project {owner}'s"


def _shared_identities(configuration: Configuration) -> Iterator[str]:
    runners: dict[tuple[str, str], str] = {}
    for name, project in configuration.projects.items():
        for workspace, runner in project.runners.items():
            other = runners.setdefault((workspace, runner), name)
            if other != name:
                yield f"projects {other} and {name} share runner {runner} in {workspace}"
            auth = configuration.workspaces[workspace].auth if workspace in configuration.workspaces else None
            if getattr(auth, "client_id", None) == runner:
                yield f"projects.{name}.runners.{workspace}: {runner} is the control identity"


def _clashes(first: Iterable[str], second: Iterable[str]) -> Iterator[tuple[str, str]]:
    for a in first:
        for b in second:
            if a == b or _covers(a, b) or _covers(b, a):
                yield a, b


def _covers(wide: str, narrow: str) -> bool:
    return wide.endswith("*") and narrow.rstrip("*").startswith(wide[:-1])
