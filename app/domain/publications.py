"""Publishing: a vetted copy of one model version, seen by exactly one audience."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from app import configuration, durable
from app.configuration import Audience, Policy, share_name
from app.domain import (
    audience_shares,
    audiences,
    contents,
    copies,
    jobs,
    model_versions,
    ownership,
    standings,
    travels,
    vetting,
)
from app.domain.access import Caller, Name, check, check_active
from app.domain.audience_shares import Publishing as Publishing
from app.domain.audiences import Member
from app.domain.model_cards import artifacts
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.standings import Standing
from app.domain.travels import Travels
from app.domain.vetting import Vetted
from app.domain.workflows import Outcome, Work, register
from app.errors import (
    CopyFailed,
    Problem,
    SharingUnavailable,
    WholeModelRefused,
    WorkspaceRoleMismatch,
    from_dict,
)
from app.store.publications import Publication as Publication
from app.workspaces import metastores
from app.workspaces.shares import Share

PUBLISH, PLAN = "publish", "plan-publish"
# What is the record's own, or of no use to it.
OF_THE_COPY = {"model", "version", "digest", "removed"}
# What a publication that shares the model itself says of its copy.
NO_COPY: dict[str, Any] = {"digest": None, "files": [], "mlflow": None, "requirements": [], "reused": False}
VET, SHARE = "hold the version to the policy", "ensure the share"


@dataclass(frozen=True, kw_only=True)
class PublicationPlan(Plan):
    """The plan of a publication, with the recipients that would see it, and all that they would see."""

    recipients: list[Member]
    travels: Travels


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
        _check_whole(declared, audience, model)
    configured = configuration.current().workspaces[workspace]
    if configured.shareable_catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    share = share_name(project, audience)
    last = copies.shared_name(model)
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


def plan(caller: Caller, publishing: Publishing) -> PublicationPlan:
    """Look at the version, the names and the live share; raises the problem of whatever is not in order."""
    return _look(caller, PLAN, publishing)[0]


def begin(
    caller: Caller, key: Key, publishing: Publishing, plan_digest: str | None, on_conflict: str = REJECT
) -> Operation:
    """Check as `plan` does, and that others have approved it where they must; then accept the publication."""
    made, publishing, vetted = _look(caller, PUBLISH, publishing)
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
        outcome={"needs": publishing.needs},
    )
    place = copies.lock(publishing.workspace, publishing.published_model, publishing.model, publishing.version)
    if publishing.is_whole:
        place = copies.lock_whole(publishing.workspace, publishing.share, publishing.model)
    work = (publish, key, caller, publishing.project, asdict(publishing), record, place)
    return start(*work, workspaces=_list_workspaces(publishing), on_conflict=on_conflict)


def _undo(operation: Operation) -> None:
    publishing = Publishing(**operation.request)
    if publishing.is_whole:
        names = (publishing.workspace, publishing.share, publishing.model)
        contents.remove_whole(*names, leaving=[operation.resource_id])
    else:
        copies.remove_unfinished(operation.request, operation.upstream_run)
    contents.clear([operation.resource_id])


def _keep(error: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": {"findings": error["findings"]}} if "findings" in error else {}


@register("publish", Publication, undo=_undo, keep=_keep)
async def publish(work: Work) -> Outcome:
    """Copy the version by a job in its workspace, prove the copy, and have exactly the audience see it.

    The comparison comes before the copy: a copy in a model that is shared already is seen as soon as it is there.
    """
    publishing = Publishing(**work.request)
    vetted = await durable.step(VET, vetting.hold, publishing.asked, work.principal)
    await durable.step(SHARE, audience_shares.ensure, publishing)
    await durable.step("compare the share with the audience", audience_shares.check, publishing, work.resource_id)
    copy = NO_COPY | {"version": publishing.version} if publishing.is_whole else await _copy(work, publishing, vetted)
    found = {name: value for name, value in copy.items() if name not in OF_THE_COPY}
    found |= {**vetted, "needs": publishing.needs, "signature": None}
    record = {"state": "ACTIVE", "published_version": copy["version"], "digest": copy["digest"], "outcome": found}
    try:
        if not publishing.is_whole:
            place = (publishing.workspace, publishing.published_model, publishing.shared_as)
            found["signature"] = await durable.step("prove the copy", copies.vouch, *place, copy)
        found["shared_as"] = await durable.step(
            "ensure the model in the share", audience_shares.ensure_model, publishing
        )
        found["recipients"] = await durable.step("ensure the recipients", audience_shares.ensure_members, publishing)
        if publishing.is_first:
            wanted = (publishing, found["recipients"])
            await durable.step("ensure SELECT for the recipients", audience_shares.ensure_readers, *wanted)
        if not publishing.is_whole:
            found["model_card"] = await durable.step("keep the model card", artifacts.keep, work.resource_id, record)
        await durable.step("read it all back", audience_shares.read_back, publishing, copy["version"])
    except Problem as problem:
        raise await _taken_back(work, publishing, copy["version"], problem) from problem
    return Outcome(record, details={name: copy[name] for name in ("digest", "mlflow")})


async def _copy(work: Work, publishing: Publishing, vetted: dict[str, Any]) -> dict[str, Any]:
    await durable.step("ensure the schema of shareable models", audience_shares.ensure_schema, publishing)
    try:
        return await jobs.run(work, copies.make_job(work.id, work.request, vetted["in_short"], vetted["scan"]))
    except CopyFailed as problem:
        raise vetting.explain(problem, publishing.asked) from problem


def _look(caller: Caller, action: str, publishing: Publishing) -> tuple[PublicationPlan, Publishing, Vetted]:
    """The plan, the publishing with those whom it lets in, and what the policy says."""
    audiences.check_links(publishing.project, publishing.audience, publishing.workspace)
    check_active(*_list_workspaces(publishing))
    description = model_versions.get_description(publishing.workspace, publishing.model, publishing.version)
    columns = ", ".join(column.name or column.type for column in description.inputs)
    vetted = vetting.look(publishing.asked)
    travelling = travels.look(publishing, description, copies.make_comment(asdict(publishing), vetted.in_short))
    copies.check_staying(publishing.workspace, publishing.published_model)
    copies.check_name(publishing.share, publishing.workspace, publishing.published_model, publishing.model)
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    audiences.check_names(publishing.workspace, members)
    _check_reach(publishing, members)
    share = ownership.find_share(publishing.workspace, publishing.share)
    included = travels.find_included(caller, action, publishing, travelling, share)
    vetting.check_alone(publishing.asked, vetted, included)
    standing = audience_shares.stand(publishing, share, members) if share else None
    readers = standing.readers if standing else []
    made = PublicationPlan(
        checks=[
            Check("names are the project's", f"{publishing.model}, {publishing.audience}"),
            Check("version is READY and has a signature", f"takes {columns}"),
            Check("share and audience match", f"readers {', '.join(readers) or 'none'}"),
            *vetted.list_checks(),
        ],
        changes=[*_list_included(publishing, included), *_list_changes(publishing, share, members, readers)],
        readers=sorted(member.name or member.label for member in members),
        subject_digest=vetted.subject.digest if vetted.subject else None,
        recipients=members,
        travels=travelling,
    )
    settled = replace(
        publishing,
        tags=travelling.tags,
        needs=[asdict(one) for one in travelling.dependencies],
        included=included,
        readers=[member.sharing_identifier for member in members],
        is_first=_check_standing(publishing, standing),
    )
    return made, settled, vetted


def _check_whole(declared: Audience, audience: str, model: str) -> None:
    if declared.external or declared.policy != Policy():
        reason = "is external" if declared.external else "has a policy"
        raise WholeModelRefused(model=model, audience=audience, reason=reason)


def _list_workspaces(publishing: Publishing) -> list[str]:
    """Where it works: in the source's workspace, and for the identifiers of its recipients in theirs."""
    return [publishing.workspace, *audiences.list_workspaces(publishing.project, publishing.audience)]


def _check_reach(publishing: Publishing, members: list[Member]) -> None:
    """Another cloud is another account, which is reached only when the metastore shares outside its own [INF]."""
    metastore = metastores.get_metastore(publishing.workspace)
    cloud = metastore.sharing_identifier.partition(":")[0]
    far = [member for member in members if member.sharing_identifier.partition(":")[0] != cloud]
    if far and metastore.shares_externally is False:
        action = f"sharing with {', '.join(member.sharing_identifier for member in far)}"
        raise SharingUnavailable(workspace=publishing.workspace, action=action)


def _check_standing(publishing: Publishing, standing: Standing | None) -> bool:
    """Whether this publication lets the audience in.

    Once an earlier one has, nobody is let in on the side: raises `AudienceChangePending` when somebody is missing.
    """
    if standing is None or not standings.is_settled(publishing.project, publishing.workspace, publishing.audience):
        return True
    standings.refuse_pending(standing, publishing.published_model)
    return False


def _list_included(publishing: Publishing, included: travels.Included) -> list[Change]:
    place, share = publishing.workspace, publishing.share
    return [Change("change", place, "share", share, f"holds {one['kind']} {one['name']}") for one in included]


def _list_changes(
    publishing: Publishing, share: Share | None, members: list[Member], readers: list[str]
) -> list[Change]:
    place, model = publishing.workspace, publishing.published_model
    entries = {item.name.lower() for item in (share.objects or [] if share else [])}
    detail = f"of {publishing.model} version {publishing.version}, unless it is there"
    held = f"holds {model}"
    changes = [Change("none" if share else "create", place, "share", publishing.share)]
    if publishing.is_whole:
        held += " WHOLE: every version of it is seen, also those that nobody has made or vetted yet"
    else:
        changes.append(Change("run", place, "job", "copy", "as Causeway itself; it loads nothing"))
        changes.append(Change("create", place, "model version", model, detail))
    changes.append(Change("none" if model.lower() in entries else "change", place, "share", publishing.share, held))
    for member in members:
        reader = member.workspace or member.sharing_identifier
        changes.append(Change("none" if member.name else "create", place, "recipient", member.name or reader))
        has = member.name in readers
        changes.append(Change("none" if has else "change", place, "share", publishing.share, f"SELECT for {reader}"))
    return changes


async def _taken_back(work: Work, publishing: Publishing, version: int, problem: Problem) -> Problem:
    """`problem`, after the copy that would be seen in spite of it is gone; says so when it could not be deleted."""
    taken = (audience_shares.take_back, publishing, work.resource_id, version)
    try:
        # A retry begins at the share: it may be the share that somebody else took away.
        await durable.step("take the copy back", *taken, undoes=SHARE)
    except Problem:
        left_behind = [f"version {version} of {publishing.published_model} in {publishing.workspace}"]
        return from_dict({**problem.as_dict(), "left_behind": left_behind})
    return problem
