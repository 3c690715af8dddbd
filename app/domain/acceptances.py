"""Accepting: a provider's share becomes a catalog of the consumer, which the project's runner may use."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app import configuration, durable
from app.configuration import share_name
from app.domain import (
    audiences,
    catalog_users,
    jobs,
    owned_copies,
    ownership,
    partners,
    resting_acceptances,
    shared_catalogs,
    visible_models,
)
from app.domain.access import Caller, Name, check, check_active, check_link, get_workspace
from app.domain.catalog_users import PRIVILEGES
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.shared_catalogs import Accepting
from app.domain.workflows import Outcome, Work, register
from app.domain.workspaces import list_beside
from app.errors import (
    CatalogNameTaken,
    NotVisibleInTime,
    OperationTimedOut,
    Problem,
    ShareNotFound,
    WorkspaceRoleMismatch,
    from_dict,
)
from app.store import acceptances as store
from app.store.acceptances import Acceptance as Acceptance
from app.workspaces import catalogs, metastores, providers
from app.workspaces.providers import Provider

# Updates of a share are seen about a minute later [DOC]; how long a new version takes is documented nowhere.
VISIBLE_SECONDS = 180
LOOK_EVERY_SECONDS = 1.0
# Where a retry begins when the catalog was gone.
CATALOG = "ensure the catalog"


@dataclass(frozen=True)
class Request:
    """Whose share to accept where, whom to let in, and how many seconds to wait for what was shared to be seen.

    The share is a linked workspace's for an `audience`, or the `share` of a partner (`sharing_identifier`). No catalog
    means the derived one. With `keeps_copy` the consumer gets copies of its own in the schema `copy_to`.
    """

    project: str
    workspace: str
    provider_workspace: str | None
    audience: str | None
    sharing_identifier: str | None
    share: str | None
    catalog: str | None
    readers: list[str]
    visible_within_seconds: int
    keeps_copy: bool = False
    copy_to: str | None = None


def plan(caller: Caller, request: Request) -> Plan:
    """Look at names, the provider's share and the catalog's name; raises the problem of whatever is not in order."""
    return _plan(_accepting(caller, request))


def begin(caller: Caller, key: Key, request: Request, plan_digest: str | None, on_conflict: str = REJECT) -> Operation:
    """Check as `plan` does, then accept the acceptance."""
    accepting = _accepting(caller, request)
    require(_plan(accepting), plan_digest)
    record = Acceptance(
        id=key.record_id("acc"),
        project=accepting.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=accepting.workspace,
        provider_workspace=accepting.provider_workspace,
        audience=accepting.audience,
        share=accepting.share,
        catalog=accepting.catalog,
        readers=accepting.readers,
        outcome=accepting.parties,
    )
    work = (accept, key, caller, accepting.project, asdict(accepting), record, accepting.lock)
    return start(*work, workspaces=accepting.workspaces, on_conflict=on_conflict)


def _undo(operation: Operation) -> None:
    resting_acceptances.take_back(operation.resource_id)


@register("accept", Acceptance, undo=_undo)
async def accept(work: Work) -> Outcome:
    """Wait for the share, make its catalog, let its users in, wait for what was published, and copy it if asked to.

    What fails lets nobody in: nobody gives back what was never accepted.
    """
    accepting = Accepting(**work.request)
    share = await _visible("wait for the share", accepting.share, shared_catalogs.look_for_share, accepting)
    made = await durable.step(CATALOG, shared_catalogs.ensure, accepting, share["provider"])
    try:
        shown = await _let_in(work, accepting, share["lacking"])
    except Problem as problem:
        raise await _taken_back(work, accepting, problem) from problem
    found = {"provider": share["provider"], "made": made, "runner": accepting.runner, **shown}
    return Outcome({"state": "ACTIVE", "granted": share["lacking"], "outcome": {**accepting.parties, **found}})


async def _let_in(work: Work, accepting: Accepting, lacking: catalog_users.Granted) -> dict[str, Any]:
    """Let the users in, and wait for what they are to see: what is visible, and the copies of it."""
    await durable.step(
        "let its users use the catalog", _grant, work.resource_id, accepting, lacking, again_from=CATALOG
    )
    seen = (accepting.catalog, shared_catalogs.look_for_versions, accepting)
    await _visible("wait for the published versions", *seen, again_from=CATALOG)
    shown = await durable.step("list what is visible", _list_visible, accepting, again_from=CATALOG)
    copies = await owned_copies.make(work, accepting, shown.pop("wanted"))
    if copies:
        copies = await durable.step("prove the copies", owned_copies.settle, accepting, copies)
    return {**shown, "copies": copies}


async def _taken_back(work: Work, accepting: Accepting, problem: Problem) -> Problem:
    """`problem`, after nobody holds any more what was granted; says so when it could not be taken back."""
    taken = (resting_acceptances.take_back, work.resource_id)
    try:
        await durable.step("take back what was granted", *taken, undoes=CATALOG)
    except Problem:
        left_behind = [f"grants on catalog {accepting.catalog} in {accepting.workspace}"]
        return from_dict({**problem.as_dict(), "left_behind": left_behind})
    return problem


def _grant(acceptance_id: str, accepting: Accepting, lacking: catalog_users.Granted) -> None:
    """What is granted stands in the record first: whatever ends this, it is known what to take back."""
    store.note_granted(acceptance_id, lacking)
    catalog_users.ensure(accepting.workspace, accepting.catalog, accepting.users)


def _list_visible(accepting: Accepting) -> durable.Told:
    models = visible_models.read(accepting.workspace, accepting.catalog, [])
    wanted = owned_copies.list_wanted(accepting, models) if accepting.copy_to else []
    shown = {"models": models, "seen_at": datetime.now(UTC).isoformat(), "wanted": wanted}
    return durable.Told(shown, owned_copies.tell_skipped(models, wanted) if accepting.copy_to else "")


def _accepting(caller: Caller, request: Request) -> Accepting:
    check(caller, "accept", request.project)
    if request.provider_workspace is not None and request.audience is not None:
        audiences.get(request.project, request.audience)
        share = derived = share_name(request.project, request.audience)
    else:
        share = str(request.share)
        derived = partners.get_catalog(request.project, request.workspace, str(request.sharing_identifier), share)
    catalog = request.catalog or derived
    principals = [Name("principal", request.workspace, one) for one in request.readers]
    check(caller, "accept", request.project, Name("catalog", request.workspace, catalog), *principals)
    copy_to = None
    if request.keeps_copy:
        copy_to = owned_copies.get_schema(request.project, request.workspace, request.copy_to)
        # As for a catalog: what fits everything in the schema is a pattern.
        check(caller, "accept", request.project, Name("model", request.workspace, f"{copy_to}.*"))
    provider_identifier = _check_provider(caller, request)
    runner = jobs.get_runner(request.project, request.workspace)
    return Accepting(
        project=request.project,
        workspace=request.workspace,
        identifier=metastores.get_sharing_identifier(request.workspace),
        provider_workspace=request.provider_workspace,
        provider_identifier=provider_identifier,
        audience=request.audience,
        share=share,
        catalog=catalog,
        runner=runner,
        readers=sorted({*request.readers} - {runner}),
        visible_within_seconds=request.visible_within_seconds,
        also_seen_in=list_beside(request.project, request.workspace),
        volume=configuration.current().workspaces[request.workspace].volume,
        copy_to=copy_to,
    )


def _check_provider(caller: Caller, request: Request) -> str:
    """The provider's sharing identifier, once the way from there is open."""
    if request.provider_workspace is None:
        check_active(request.workspace)
        return str(request.sharing_identifier)
    get_workspace(caller, request.provider_workspace)
    check_link(request.project, request.provider_workspace, request.workspace)
    check_active(request.workspace, request.provider_workspace)
    return metastores.get_sharing_identifier(request.provider_workspace)


def _plan(accepting: Accepting) -> Plan:
    place, catalog, share = accepting.workspace, accepting.catalog, accepting.share
    there = _check_share(accepting)
    provider = providers.find_provider(place, accepting.provider_identifier)
    found = catalogs.find_visible_catalog(place, catalog)
    if found and (provider is None or not found.is_made_from(provider.name, share)):
        raise CatalogNameTaken(workspace=place, catalog=catalog, share=share)
    lacking = catalog_users.list_lacking(place, catalog, accepting.users)
    names = [accepting.audience, catalog, *accepting.readers]
    use = f"{', '.join(PRIVILEGES)} for"
    grants = [
        Change("change" if one in lacking else "none", place, "catalog", catalog, f"{use} {one}")
        for one in accepting.users
    ]
    return Plan(
        checks=[
            Check("names are the project's", ", ".join(filter(None, names))),
            _describe_way(accepting),
            Check("share is there", there),
            Check("provider is known", _describe_provider(accepting, provider)),
            Check(
                "the wait has a limit", f"{accepting.visible_within_seconds} s for the share, as long for its versions"
            ),
            Check(
                "who else sees the catalog", ", ".join(accepting.also_seen_in) or "no other workspace of the project"
            ),
        ],
        changes=[
            Change("none" if found else "create", place, "catalog", catalog, f"from share {share}"),
            *grants,
            *_list_copies(accepting),
        ],
    )


def _list_copies(accepting: Accepting) -> list[Change]:
    """What would be copied of what is promised; nobody knows yet what else the catalog will show."""
    if accepting.copy_to is None:
        return []
    promised = shared_catalogs.list_promised(accepting)
    schema = owned_copies.check_place(accepting, [model for model, _ in promised])
    place, detail = accepting.workspace, f"copies into {schema}, as Causeway itself; it loads nothing"
    made = [
        Change("create", place, "model version", owned_copies.name_copy(accepting, model), f"{model} version {version}")
        for model, version in promised
    ]
    return [Change("run", place, "job", "copy", detail), *made]


def _check_share(accepting: Accepting) -> str:
    """What the share is known to hold, for people; a partner's is seen from here alone, and only once it is there."""
    if accepting.provider_workspace is None or accepting.audience is None:
        return f"{accepting.share}; what a partner puts into it is seen when it is there"
    if accepting.identifier not in audiences.list_identifiers(accepting.project, accepting.audience):
        setting = f"place in audience {accepting.audience} of project {accepting.project}"
        raise WorkspaceRoleMismatch(workspace=accepting.workspace, setting=setting)
    if ownership.find_share(accepting.provider_workspace, accepting.share) is None:
        raise ShareNotFound(workspace=accepting.provider_workspace, kind="share", name=accepting.share)
    promised = [f"{model} version {version}" for model, version in shared_catalogs.list_promised(accepting)]
    return f"{accepting.share}, for {', '.join(promised) or 'nothing yet'}"


def _describe_way(accepting: Accepting) -> Check:
    if accepting.provider_workspace is None:
        return Check("partner is declared", f"{accepting.provider_identifier} for {accepting.workspace}")
    return Check("link is declared", f"{accepting.provider_workspace} to {accepting.workspace}")


def _describe_provider(accepting: Accepting, provider: Provider | None) -> str:
    if accepting.same_metastore:
        return f"{provider.name if provider else 'self'}: both sides stand on one metastore"
    return provider.name if provider else "not yet, the operation waits for it"


async def _visible(name: str, thing: str, poll: Any, accepting: Accepting, again_from: str | None = None) -> Any:
    what = {"action": name, "workspace": accepting.workspace}
    limit = accepting.visible_within_seconds
    try:
        return await durable.wait(
            name,
            poll,
            accepting,
            every_seconds=LOOK_EVERY_SECONDS,
            deadline_seconds=limit,
            what=what,
            again_from=again_from,
        )
    except OperationTimedOut as problem:
        waited = problem.fields["waited_seconds"]
        raise NotVisibleInTime(workspace=accepting.workspace, name=thing, waited_seconds=waited) from problem
