"""Publishing: a vetted copy of one model version, seen by exactly one audience."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from app import configuration, durable
from app.configuration import share_name
from app.domain import audiences, copies, jobs, model_versions, vetting
from app.domain.access import Caller, Name, check, check_active
from app.domain.audiences import Member
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.vetting import Asked, Vetted
from app.domain.workflows import Outcome, Work, register
from app.errors import (
    CopyFailed,
    Problem,
    SharingUnavailable,
    WorkspaceRoleMismatch,
    WrittenNotVisible,
    from_dict,
)
from app.store.publications import Publication as Publication
from app.workspaces import catalogs, metastores, models, shares
from app.workspaces.shares import Share

PUBLISH, PLAN = "publish", "plan-publish"
VET, SHARE = "hold the version to the policy", "ensure the share"


@dataclass(frozen=True)
class Publishing:
    """Which version of which model to publish for which audience, and under which names.

    `schema` (of shareable models) and `published_model` are in the workspace; `shared_as` is how consumers see it.
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

    @property
    def asked(self) -> Asked:
        """What was asked for, without what follows from it."""
        return Asked(self.project, self.workspace, self.model, self.version, self.audience)


def make(
    caller: Caller, project: str, workspace: str, model: str, version: int, audience: str, action: str = PUBLISH
) -> Publishing:
    """The publishing with its derived names, once the names in it are known to be the project's.

    With `action` PLAN, whoever may look at what would be published: approvers do so before they approve.
    """
    check(caller, action, project, Name("model", workspace, model))
    audiences.get(project, audience)
    configured = configuration.current().workspaces[workspace]
    if configured.shareable_catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    share = share_name(project, audience)
    # A shared name takes letters, digits and underscores only [SDK]; names are case-insensitive [DOC].
    last = model.rpartition(".")[2].replace("-", "_").lower()
    schema = f"{configured.shareable_catalog}.{share}"
    names = {"published_model": f"{schema}.{last}", "shared_as": f"{project}.{last}"}
    return Publishing(project, workspace, model, version, audience, share, schema, volume=configured.volume, **names)


def plan(caller: Caller, publishing: Publishing) -> Plan:
    """Look at the version, the names and the live share; raises the problem of whatever is not in order."""
    return _look(publishing)[0]


def _look(publishing: Publishing) -> tuple[Plan, Vetted]:
    audiences.check_links(publishing.project, publishing.audience, publishing.workspace)
    check_active(*_list_workspaces(publishing))
    columns = _check_version(publishing)
    copies.check_name(publishing.workspace, publishing.published_model, publishing.model)
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    _check_reach(publishing, members)
    share = shares.find_own_share(publishing.workspace, publishing.share)
    readers = _compare(publishing, share, members) if share else []
    vetted = vetting.look(publishing.asked)
    made = Plan(
        checks=[
            Check("names are the project's", f"{publishing.model}, {publishing.audience}"),
            Check("version is READY and has a signature", columns),
            Check("share and audience match", f"readers {', '.join(readers) or 'none'}"),
            *vetted.list_checks(),
        ],
        changes=_list_changes(publishing, share, members, readers),
        readers=sorted(member.name or str(member.workspace or member.sharing_identifier) for member in members),
        subject_digest=vetted.subject.digest if vetted.subject else None,
    )
    return made, vetted


def begin(
    caller: Caller, key: Key, publishing: Publishing, plan_digest: str | None, on_conflict: str = REJECT
) -> Operation:
    """Check as `plan` does, and that others have approved it where they must; then accept the publication."""
    made, vetted = _look(publishing)
    require(made, plan_digest)
    vetting.require_approvals(vetted, caller.principal)
    record = Publication(
        id=key.record_id("pub"),
        project=publishing.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=publishing.workspace,
        model=publishing.model,
        version=publishing.version,
        audience=publishing.audience,
        share=publishing.share,
        published_model=publishing.published_model,
    )
    place = copies.lock(publishing.workspace, publishing.published_model, publishing.model, publishing.version)
    work = (publish, key, caller, publishing.project, asdict(publishing), record, place)
    return start(*work, workspaces=_list_workspaces(publishing), on_conflict=on_conflict)


def _undo(operation: Operation) -> None:
    copies.remove_unfinished(operation.request, operation.upstream_run)


def _keep(error: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": {"findings": error["findings"]}} if "findings" in error else {}


@register("publish", Publication, undo=_undo, keep=_keep)
async def publish(work: Work) -> Outcome:
    """Copy the version by a job in its workspace, prove the copy, and have exactly the audience see it.

    The comparison comes before the copy: a copy in a model that is shared already is seen as soon as it is there.
    """
    publishing = Publishing(**work.request)
    vetted = await durable.step(VET, vetting.hold, publishing.asked, work.principal)
    await durable.step(SHARE, _ensure_share, publishing)
    await durable.step("compare the share with the audience", _check_share, publishing, work.resource_id)
    await durable.step("ensure the schema of shareable models", _ensure_schema, publishing)
    try:
        copy = await jobs.run(work, copies.make_job(work.id, work.request, scan=vetted["scan"]))
    except CopyFailed as problem:
        raise vetting.explain(problem, publishing.asked) from problem
    try:
        await durable.step("prove the copy", copies.prove, publishing.workspace, publishing.published_model, copy)
        shared_as = await durable.step("ensure the model in the share", _ensure_model, publishing)
        members = await durable.step("ensure the recipients", _ensure_members, publishing)
        await durable.step("ensure SELECT for the recipients", _ensure_readers, publishing, members)
        await durable.step("read it all back", _read_back, publishing, copy["version"])
    except Problem as problem:
        raise await _taken_back(publishing, copy["version"], problem) from problem
    found = {"files": copy["files"], "mlflow": copy["mlflow"], "reused": copy["reused"], **vetted}
    record = {"state": "ACTIVE", "published_version": copy["version"], "digest": copy["digest"]}
    return Outcome({**record, "outcome": {**found, "shared_as": shared_as, "recipients": members}})


def _list_workspaces(publishing: Publishing) -> list[str]:
    """Where it works: in the source's workspace, and for the identifiers of its recipients in theirs."""
    return [publishing.workspace, *audiences.list_workspaces(publishing.project, publishing.audience)]


def _check_version(publishing: Publishing) -> str:
    """The version's columns, for people; raises what keeps it from being shared."""
    description = model_versions.get_description(publishing.workspace, publishing.model, publishing.version)
    return f"takes {', '.join(column.name or column.type for column in description.inputs)}"


def _check_reach(publishing: Publishing, members: list[Member]) -> None:
    """Another cloud is another account, which is reached only when the metastore shares outside its own [INF]."""
    metastore = metastores.get_metastore(publishing.workspace)
    cloud = metastore.sharing_identifier.partition(":")[0]
    far = [member for member in members if member.sharing_identifier.partition(":")[0] != cloud]
    if far and metastore.shares_externally is False:
        action = f"sharing with {', '.join(member.sharing_identifier for member in far)}"
        raise SharingUnavailable(workspace=publishing.workspace, action=action)


def _compare(publishing: Publishing, share: Share, members: list[Member]) -> list[str]:
    schema, model = publishing.schema, publishing.published_model
    return audiences.compare(publishing.audience, publishing.workspace, share, schema, members, model)


def _list_changes(
    publishing: Publishing, share: Share | None, members: list[Member], readers: list[str]
) -> list[Change]:
    place, model = publishing.workspace, publishing.published_model
    entries = {item.name.lower() for item in (share.objects or [] if share else [])}
    detail = f"of {publishing.model} version {publishing.version}, unless it is there"
    changes = [
        Change("none" if share else "create", place, "share", publishing.share),
        Change("run", place, "job", "copy", "as Causeway itself; it loads nothing"),
        Change("create", place, "model version", model, detail),
        Change("none" if model in entries else "change", place, "share", publishing.share, f"holds {model}"),
    ]
    for member in members:
        reader = member.workspace or member.sharing_identifier
        changes.append(Change("none" if member.name else "create", place, "recipient", member.name or reader))
        has = member.name in readers
        changes.append(Change("none" if has else "change", place, "share", publishing.share, f"SELECT for {reader}"))
    return changes


def _ensure_share(publishing: Publishing) -> None:
    comment = f"Made by Causeway for audience {publishing.audience} of project {publishing.project}."
    shares.ensure_share(publishing.workspace, publishing.share, comment=comment)


def _check_share(publishing: Publishing, publication_id: str) -> None:
    copies.check_name(publishing.workspace, publishing.published_model, publishing.model, before=publication_id)
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    _compare(publishing, shares.get_share(publishing.workspace, publishing.share), members)


def _ensure_schema(publishing: Publishing) -> None:
    catalog, _, schema = publishing.schema.partition(".")
    comment = f"Vetted copies for audience {publishing.audience} of project {publishing.project}; by Causeway alone."
    catalogs.ensure_schema(publishing.workspace, catalog, schema, comment=comment)


def _ensure_model(publishing: Publishing) -> str:
    model, wanted = publishing.published_model, publishing.shared_as
    entry = shares.ensure_model(publishing.workspace, publishing.share, model, shared_as=wanted)
    return entry.shared_as or wanted


def _ensure_members(publishing: Publishing) -> list[dict[str, Any]]:
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    return [asdict(audiences.ensure_member(publishing.workspace, member)) for member in members]


def _ensure_readers(publishing: Publishing, members: list[dict[str, Any]]) -> None:
    for member in members:
        shares.ensure_reader(publishing.workspace, publishing.share, member["name"])


def _read_back(publishing: Publishing, version: int) -> None:
    """A fresh look at all that was promised: the copy, its place in the share, and who reads it."""
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    share = shares.get_share(publishing.workspace, publishing.share)
    readers = _compare(publishing, share, members)
    models.get_version(publishing.workspace, publishing.published_model, version)
    shown = {item.name.lower() for item in share.objects or [] if item.active}
    if publishing.published_model not in shown or {member.name for member in members} - set(readers):
        action = f"sharing {publishing.published_model} in {publishing.share}"
        raise WrittenNotVisible(workspace=publishing.workspace, action=action)


async def _taken_back(publishing: Publishing, version: int, problem: Problem) -> Problem:
    """`problem`, after the copy that would be seen in spite of it is gone; says so when it could not be deleted."""
    names = (publishing.workspace, publishing.share, publishing.published_model, publishing.shared_as)
    try:
        # A retry begins at the share: it may be the share that somebody else took away.
        await durable.step("take the copy back", copies.remove_unpromised, *names, version, undoes=SHARE)
    except Problem:
        left_behind = [f"version {version} of {publishing.published_model} in {publishing.workspace}"]
        return from_dict({**problem.as_dict(), "left_behind": left_behind})
    return problem
