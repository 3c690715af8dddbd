"""What goes out with a version: files, input example, tags, comment, requirements, dependencies; and what must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from app.domain import audiences, contents, policies
from app.domain.access import Caller, Name, check
from app.domain.publication_requests import Publishing
from app.errors import NotForExternal
from app.workspaces import model_files, models
from app.workspaces.files import FolderEntry
from app.workspaces.model_files import Description
from app.workspaces.models import Dependency
from app.workspaces.shares import Share

Included = list[dict[str, str]]
"""`{kind, name}` each."""
# Tags of our own never come from the source: they say what a copy is a copy of.
OWN_PREFIX = "causeway_"
# What the model's owner says of its input example, so that partners may see it.
EXAMPLE_FILES = {"input_example.json", "serving_input_example.json"}
EXAMPLE_TAG, SYNTHETIC = "causeway_input_example", "synthetic"


@dataclass(frozen=True)
class Example:
    """A version's input example: its files and columns, and whether its owner says that no real data is in it."""

    paths: list[str]
    columns: list[str]
    synthetic: bool


@dataclass(frozen=True)
class Travels:
    """All that the audience gets to see of a version; `tags` are the source's own, which the copy carries too.

    `id` is the registry's, and `digest` the one over the manifest as the version's own training run states it; None for
    a version that was not trained here, whose bytes nobody has read yet.
    """

    id: str | None
    digest: str | None
    files: list[FolderEntry]
    input_example: Example | None
    tags: dict[str, str]
    comment: str
    requirements: list[str]
    dependencies: list[Dependency]


def look(publishing: Publishing, description: Description, comment: str) -> Travels:
    """Look at the version; raises `NotForExternal` for what must not leave the house by this audience."""
    place = (publishing.workspace, publishing.model, publishing.version)
    version = models.get_version(*place)
    files = model_files.list_files(*place)
    tags = version.tags or {}
    training = policies.find_training(publishing.project, *place)
    travels = Travels(
        id=version.id,
        digest=training.outcome.get("digest") if training else None,
        files=files,
        input_example=_find_example(place, description, files, tags),
        tags={name: value for name, value in sorted(tags.items()) if _travels(publishing, name)},
        comment=(version.comment or "") if publishing.is_whole else comment,
        requirements=model_files.list_requirements(*place),
        dependencies=version.dependencies,
    )
    _check(publishing, partial(list_reasons, travels))
    return travels


def check_tags(publishing: Publishing, tags: dict[str, str]) -> None:
    """The tags of a copy that is there already may be seen by the audience; raises `NotForExternal`."""
    seen = {name: value for name, value in tags.items() if _travels(publishing, name)}
    _check(publishing, partial(list_tags, seen))


def find_included(
    caller: Caller, action: str, publishing: Publishing, travels: Travels, share: Share | None
) -> Included:
    """What the version needs and the share has not, to be added with it; all of it has to be the project's own.

    Raises `NotInProject`, and `DependenciesNotShared` unless the request includes dependencies.
    """
    shared = {item.name.lower() for item in (share.objects or [] if share else [])}
    needs = [asdict(one) for one in travels.dependencies]
    if not publishing.include_dependencies:
        contents.check(publishing.share, publishing.model, publishing.version, needs, shared)
        return []
    names = (Name(one["kind"], publishing.workspace, one["name"]) for one in needs)
    check(caller, action, publishing.project, *names)
    return [one for one in needs if one["name"].lower() not in shared]


def list_reasons(travels: Travels, allowed_tags: set[str]) -> list[dict[str, str]]:
    """Why it may not go to an external audience: `{kind, name, detail}` each; empty when it may."""
    reasons = []
    example = travels.input_example
    if example is not None and not example.synthetic:
        detail = f"holds rows of real data, unless a version tag {EXAMPLE_TAG} says {SYNTHETIC}"
        reasons.append({"kind": "input-example", "name": ", ".join(example.paths), "detail": detail})
    reasons += list_tags(travels.tags, allowed_tags)
    for line in travels.requirements:
        if not is_pinned(line):
            reasons.append({"kind": "requirement", "name": line, "detail": "is not pinned to one version by =="})
    return reasons


def list_tags(tags: dict[str, str], allowed: set[str]) -> list[dict[str, str]]:
    """As `list_reasons`, of tags alone."""
    detail = "is not among the tags of the audience"
    return [{"kind": "tag", "name": name, "detail": detail} for name in sorted(tags.keys() - allowed)]


def is_pinned(line: str) -> bool:
    """Whether a line of a `requirements.txt` names exactly one version of one package."""
    try:
        wanted = Requirement(line.partition(" --")[0])
    except InvalidRequirement:
        return False
    bounds = list(wanted.specifier)
    exact = len(bounds) == 1 and bounds[0].operator in {"==", "==="} and "*" not in bounds[0].version
    return exact and wanted.url is None


def _travels(publishing: Publishing, tag: str) -> bool:
    return publishing.is_whole or not tag.startswith(OWN_PREFIX)


def _check(publishing: Publishing, reasons: Callable[[set[str]], list[dict[str, str]]]) -> None:
    declared = audiences.get(publishing.project, publishing.audience)
    # What the policy asks for is meant to be seen.
    allowed = {*declared.tags, *declared.policy.tags, *policies.LICENCE_TAGS}
    if declared.external and (found := reasons(allowed)):
        told = "; ".join(f"{one['kind']} {one['name']} {one['detail']}" for one in found)
        fields: dict[str, Any] = {"audience": publishing.audience, "reasons": found, "difference": told}
        raise NotForExternal(model=publishing.model, version=publishing.version, **fields)


def _find_example(
    place: tuple[str, str, int], description: Description, files: list[FolderEntry], tags: dict[str, str]
) -> Example | None:
    """What MLmodel names, and what bears MLflow's names for it though MLmodel says nothing of it."""
    paths = sorted({*description.examples, *(file.path for file in files if file.path in EXAMPLE_FILES)})
    if not paths:
        return None
    columns = [column for path in paths for column in model_files.list_example_columns(*place, path)]
    return Example(paths, list(dict.fromkeys(columns)), synthetic=tags.get(EXAMPLE_TAG) == SYNTHETIC)
