"""Accepting: a provider's share becomes a catalog of the consumer, which the project's runner may use."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from app import durable
from app.configuration import share_name
from app.domain import audiences, jobs, shared_catalogs
from app.domain.access import Caller, Name, check, check_active, check_link, get_workspace
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.shared_catalogs import Accepting
from app.domain.workflows import Outcome, Work, register
from app.errors import CatalogNameTaken, NotVisibleInTime, OperationTimedOut, ShareNotFound, WorkspaceRoleMismatch
from app.store.acceptances import Acceptance as Acceptance
from app.workspaces import catalogs, grants, metastores, providers, shares

PRIVILEGES = ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")
# Updates of a share are seen about a minute later [DOC]; how long a new version takes is documented nowhere.
VISIBLE_SECONDS = 180
LOOK_EVERY_SECONDS = 1.0
# Where a retry begins when the catalog was gone.
CATALOG = "ensure the catalog"


@dataclass(frozen=True)
class Request:
    """Whose share for which audience to accept where; no catalog means the one named as the share."""

    project: str
    workspace: str
    provider_workspace: str
    audience: str
    catalog: str | None


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
    )
    work = (accept, key, caller, accepting.project, asdict(accepting), record, accepting.lock)
    return start(*work, workspaces=[accepting.workspace, accepting.provider_workspace], on_conflict=on_conflict)


@register("accept", Acceptance)
async def accept(work: Work) -> Outcome:
    """Wait for the share, make its catalog, let the runner use it, and wait for what was published."""
    accepting = Accepting(**work.request)
    provider = await _visible("wait for the share", accepting.share, shared_catalogs.look_for_share, accepting)
    made = await durable.step(CATALOG, shared_catalogs.ensure, accepting, provider)
    await durable.step("let the runner use the catalog", _grant, accepting, again_from=CATALOG)
    await _visible("wait for the published versions", accepting.catalog, shared_catalogs.look_for_versions, accepting)
    models = await durable.step("list what is visible", shared_catalogs.list_models, accepting, again_from=CATALOG)
    outcome = {"provider": provider, "made": made, "models": models, "runner": accepting.runner}
    outcome |= {"provider_identifier": accepting.provider_identifier, "consumer_identifier": accepting.identifier}
    return Outcome({"state": "ACTIVE", "outcome": outcome})


def _accepting(caller: Caller, request: Request) -> Accepting:
    check(caller, "accept", request.project)
    audiences.get(request.project, request.audience)
    share = share_name(request.project, request.audience)
    catalog = request.catalog or share
    check(caller, "accept", request.project, Name("catalog", request.workspace, catalog))
    get_workspace(caller, request.provider_workspace)
    check_link(request.provider_workspace, request.workspace)
    check_active(request.workspace, request.provider_workspace)
    return Accepting(
        project=request.project,
        workspace=request.workspace,
        identifier=metastores.get_sharing_identifier(request.workspace),
        provider_workspace=request.provider_workspace,
        provider_identifier=metastores.get_sharing_identifier(request.provider_workspace),
        audience=request.audience,
        share=share,
        catalog=catalog,
        runner=jobs.get_runner(request.project, request.workspace),
    )


def _plan(accepting: Accepting) -> Plan:
    place, catalog, share = accepting.workspace, accepting.catalog, accepting.share
    if accepting.identifier not in audiences.list_identifiers(accepting.project, accepting.audience):
        setting = f"place in audience {accepting.audience} of project {accepting.project}"
        raise WorkspaceRoleMismatch(workspace=place, setting=setting)
    if shares.find_own_share(accepting.provider_workspace, share) is None:
        raise ShareNotFound(workspace=accepting.provider_workspace, kind="share", name=share)
    provider = providers.find_provider(place, accepting.provider_identifier)
    found = catalogs.find_visible_catalog(place, catalog)
    if found and (provider is None or not found.is_made_from(provider.name, share)):
        raise CatalogNameTaken(workspace=place, catalog=catalog, share=share)
    promised = [f"{model} version {version}" for model, version in shared_catalogs.list_promised(accepting)]
    return Plan(
        checks=[
            Check("names are the project's", f"{accepting.audience}, {catalog}"),
            Check("link is declared", f"{accepting.provider_workspace} to {place}"),
            Check("share is there", f"{share}, for {', '.join(promised) or 'nothing yet'}"),
            Check("provider is known", provider.name if provider else "not yet, the operation waits for it"),
        ],
        changes=[
            Change("none" if found else "create", place, "catalog", catalog, f"from share {share}"),
            Change("change", place, "catalog", catalog, f"{', '.join(PRIVILEGES)} for {accepting.runner}"),
        ],
    )


def _grant(accepting: Accepting) -> None:
    grants.ensure_privileges(accepting.workspace, "catalog", accepting.catalog, accepting.runner, PRIVILEGES)


async def _visible(name: str, thing: str, poll: Any, accepting: Accepting) -> Any:
    what = {"action": name, "workspace": accepting.workspace}
    try:
        return await durable.wait(
            name, poll, accepting, every_seconds=LOOK_EVERY_SECONDS, deadline_seconds=VISIBLE_SECONDS, what=what
        )
    except OperationTimedOut as problem:
        waited = problem.fields["waited_seconds"]
        raise NotVisibleInTime(workspace=accepting.workspace, name=thing, waited_seconds=waited) from problem
