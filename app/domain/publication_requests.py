"""What does a publish request ask for? A version for an audience, with the names that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app import configuration
from app.configuration import Audience, Policy, share_name
from app.domain import audiences, copies
from app.domain.access import Caller, Name, check
from app.errors import WholeModelRefused, WorkspaceRoleMismatch

PUBLISH, PLAN = "publish", "plan-publish"


@dataclass(frozen=True)
class Publishing:
    """Which version of which model to publish for which audience, and under which names.

    `schema` (of shareable models) and `published_model` are in the workspace; `shared_as` is how consumers see it. The
    copy carries the source's `tags`, and is made of its `files` as they were looked at, with this `digest` where it is
    known. Of what it `needs` beside them, `included` is what is not shared yet. It lets in the `readers`, sharing
    identifiers, when it `is_first`; else they read the share already.
    """

    project: str
    workspace: str
    model: str
    version: int
    audience: str
    share: str
    schema: str
    published_model: str
    shared_as: str
    volume: str
    include_dependencies: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    digest: str | None = None
    needs: list[dict[str, str]] = field(default_factory=list)
    included: list[dict[str, str]] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)
    is_first: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the source itself is shared, with all of its versions, in place of a copy of one."""
        return self.published_model == self.model


def make(
    caller: Caller,
    project: str,
    workspace: str,
    model: str,
    version: int,
    audience: str,
    action: str = PUBLISH,
    *,
    include_dependencies: bool = False,
    whole: bool = False,
) -> Publishing:
    """The publishing with its derived names, once the names in it are known to be the project's.

    With `action` PLAN, whoever may look at what would be published: approvers do so before they approve. With `whole`
    the source itself is shared; raises `WholeModelRefused` where the audience asks for vetted versions.
    """
    check(caller, action, project, Name("model", workspace, model))
    declared = audiences.get(project, audience)
    if whole:
        check_whole(declared, audience, model)
        model = model.lower()  # as the platform keeps names [DOC]
    configured = configuration.current().workspaces[workspace]
    if configured.shareable_catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    share, last = share_name(project, audience), copies.shared_name(model)
    schema = f"{configured.shareable_catalog}.{share}"
    return Publishing(
        project=project,
        workspace=workspace,
        model=model,
        version=version,
        audience=audience,
        share=share,
        schema=schema,
        published_model=model if whole else f"{schema}.{last}",
        shared_as=f"{project}.{last}",
        volume=configured.volume,
        include_dependencies=include_dependencies,
    )


def list_workspaces(publishing: Publishing) -> list[str]:
    """Where it works: in the source's workspace, and for the identifiers of its recipients in theirs."""
    return [publishing.workspace, *audiences.list_workspaces(publishing.project, publishing.audience)]


def check_whole(declared: Audience, audience: str, model: str) -> None:
    """Raise `WholeModelRefused` where the audience asks for vetted versions."""
    if declared.external or declared.policy != Policy():
        reason = "is external" if declared.external else "has a policy"
        raise WholeModelRefused(model=model, audience=audience, reason=reason)
