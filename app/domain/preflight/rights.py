"""Every right that Causeway's two identities need, once: for the checks, the commands and the README's table.

Control calls the API and runs no team's code; a project's runner runs it, and may nothing beside.
"""

from __future__ import annotations

from dataclasses import dataclass

from app import configuration
from app.configuration import list_catalogs
from app.domain.access import Name, declares

PROVIDER, CONSUMER, BOTH = "provider", "consumer", "both"
CONTROL, RUNNER = "control", "runner"
METASTORE, SHAREABLE_CATALOG, CONTROL_VOLUME = "metastore", "shareable catalog", "control's volume"
PROJECT_VOLUME, PROJECT_SCHEMAS = "project's volume", "project's schemas"
COPY_SCHEMAS = "project's schemas that may take copies"


@dataclass(frozen=True)
class Right:
    """What one of the identities must hold at one kind of place, there being a check of this name for each.

    The way there (`USE_CATALOG` and `USE_SCHEMA` on the parents) is needed, too. An owner has every privilege on what
    it owns, and not on what lies in it [DOC]. With `setting`, it is needed where that setting of the workspace is
    on. With `fails`, that alone would fail without it: a reason to warn, and none to call the workspace unready.
    """

    name: str
    role: str
    holder: str
    place: str
    privileges: tuple[str, ...]
    why: str
    owns: bool = False
    setting: str | None = None
    fails: str | None = None


RIGHTS = (
    Right(
        *("control-volume", BOTH, CONTROL, CONTROL_VOLUME, ()),
        why="keeps the jobs' wheel there, and the parameters and results of the jobs that copy and verify",
        owns=True,
    ),
    Right(
        *("control-project-volume", BOTH, CONTROL, PROJECT_VOLUME, ("READ_VOLUME", "WRITE_VOLUME")),
        why="lays down parameters and rows for the team's jobs, reads their results",
    ),
    Right(
        *("control-models", PROVIDER, CONTROL, PROJECT_SCHEMAS, ("EXECUTE",)),
        why="reads a version's signature, copies its files",
    ),
    Right(
        *("control-shareable-catalog", PROVIDER, CONTROL, SHAREABLE_CATALOG, ()),
        why="makes and owns the schemas of vetted copies, and is told who else could write there",
        owns=True,
    ),
    Right(
        *("control-sees-copies", PROVIDER, CONTROL, SHAREABLE_CATALOG, ("USE_SCHEMA", "EXECUTE")),
        why="is shown what anybody else has put there",
    ),
    Right(
        *("control-shares", PROVIDER, CONTROL, METASTORE, ("CREATE_SHARE", "CREATE_RECIPIENT")),
        why="makes an audience's share, and a recipient for each consumer",
    ),
    Right(
        *("control-finds-recipients", PROVIDER, CONTROL, METASTORE, ("USE_RECIPIENT",)),
        why="finds a recipient that somebody else made: a consumer can have one only",
    ),
    Right(
        *("control-finds-providers", CONSUMER, CONTROL, METASTORE, ("USE_PROVIDER",)),
        why="finds the provider by its sharing identifier",
    ),
    Right(
        *("control-catalogs", CONSUMER, CONTROL, METASTORE, ("CREATE_CATALOG",)),
        why="makes a catalog from a share, and owns it: serves from it, lets the runner use it",
    ),
    Right(
        *("control-copies", CONSUMER, CONTROL, COPY_SCHEMAS, ("CREATE_MODEL",)),
        why="for `copy: true` alone: makes and owns the copies",
        fails="accepting with copy: true",
    ),
    Right(
        *("control-tells-lineage", CONSUMER, CONTROL, METASTORE, ("CREATE_EXTERNAL_METADATA",)),
        why="with `external_lineage: true` alone: tells the workspace's own lineage where accepted versions came from",
        setting="external_lineage",
    ),
    Right(
        *("runner-wheel", BOTH, RUNNER, CONTROL_VOLUME, ("READ_VOLUME",)),
        why="installs the jobs' wheel",
    ),
    Right(
        *("runner-project-volume", BOTH, RUNNER, PROJECT_VOLUME, ("READ_VOLUME", "WRITE_VOLUME")),
        why="reads data and parameters, leaves results",
    ),
    Right(
        *("runner-models", PROVIDER, RUNNER, PROJECT_SCHEMAS, ("CREATE_MODEL",)),
        why="registers what it trained, and owns it",
    ),
)
# Rights of control on the metastore, which a runner holds none of, and others by which one reaches out of a project.
METASTORE_RIGHTS = {
    *(privilege for right in RIGHTS if right.place == METASTORE for privilege in right.privileges),
    *("CREATE_PROVIDER", "SET_SHARE_PERMISSION", "USE_SHARE", "CREATE_EXTERNAL_LOCATION", "CREATE_STORAGE_CREDENTIAL"),
}


@dataclass(frozen=True)
class Place:
    """An object of Unity Catalog; the metastore's name is empty, it is the workspace's own."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else f"the {self.kind}"

    @property
    def way(self) -> list[tuple[Place, str]]:
        """What must be granted on the parents for the object to be reached at all."""
        parts = self.name.split(".")
        parents = [Place("catalog", parts[0]), Place("schema", ".".join(parts[:2]))]
        own = 2 if self.kind == "schema" else len(parts) - 1
        return [(parent, f"USE_{parent.kind.upper()}") for parent in parents[:own]]


def list_places(right: Right, workspace: str, project: str | None) -> list[Place]:
    """Where the right is needed in the workspace: what is the project's for a project, else what is control's own."""
    configured = configuration.current().workspaces[workspace]
    if right.setting is not None and not getattr(configured, right.setting):
        return []
    if project is None:
        own = {
            METASTORE: [Place("metastore", "")],
            CONTROL_VOLUME: [Place("volume", configured.volume)],
            SHAREABLE_CATALOG: [Place("catalog", str(configured.shareable_catalog))],
        }
        return own.get(right.place, []) if right.holder == CONTROL else []
    declared = configuration.current().projects[project]
    if right.holder == RUNNER and workspace not in declared.runners:
        return []
    if right.place == PROJECT_VOLUME:
        return [Place("volume", declared.volumes[workspace])] if workspace in declared.volumes else []
    if right.place == PROJECT_SCHEMAS:
        # A beginning of catalogs' names, such as `shared_*`, is no place that anything can be granted on.
        patterns = [pattern for pattern in declared.sources.get(workspace, []) if "." in pattern]
        return list(dict.fromkeys(_container(pattern) for pattern in patterns))
    if right.place == COPY_SCHEMAS:
        return _list_copy_schemas(workspace, project)
    return [Place("volume", configured.volume)] if right.holder == RUNNER else []


def _list_copy_schemas(workspace: str, project: str) -> list[Place]:
    """Where acceptances of the project may keep copies: the schema of its volume, and those that it declares whole."""
    declared = configuration.current().projects[project]
    named = [pattern.removesuffix(".*") for pattern in declared.sources.get(workspace, []) if pattern.count(".") == 2]
    schemas = dict.fromkeys([declared.volumes.get(workspace, "").rpartition(".")[0], *named])
    # Nothing can be made in a catalog that comes from a share.
    shared = list_catalogs(project, declared, workspace)
    wholes = [name for name in schemas if declares(project, Name("model", workspace, f"{name}.*"))]
    return [Place("schema", name) for name in wholes if name.split(".")[0] not in shared]


def _container(pattern: str) -> Place:
    """Where a grant covers all that a pattern such as `main.bikes.*` may name: the schema, else the catalog."""
    parts = pattern.split(".")
    return Place("schema", ".".join(parts[:2])) if len(parts) > 2 else Place("catalog", parts[0])
