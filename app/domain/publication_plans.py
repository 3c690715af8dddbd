"""What would publishing do? Who would see it, what would come to be, and what the policy says; nothing is stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from app.domain import (
    audience_shares,
    audiences,
    copies,
    model_versions,
    ownership,
    standings,
    travels,
    vetting,
)
from app.domain.access import Caller, check_active
from app.domain.audiences import Member
from app.domain.plans import Change, Check, Plan
from app.domain.publication_requests import Publishing, list_workspaces
from app.domain.standings import Standing
from app.domain.travels import Travels
from app.domain.vetting import Vetted
from app.errors import ShareNotFound, SharingUnavailable
from app.workspaces import metastores
from app.workspaces.shares import Share


@dataclass(frozen=True, kw_only=True)
class PublicationPlan(Plan):
    """The plan of a publication, with the recipients that would see it, and all that they would see."""

    recipients: list[Member]
    travels: Travels


def look(caller: Caller, action: str, publishing: Publishing) -> tuple[PublicationPlan, Publishing, Vetted]:
    """The plan, the publishing with all that leaves and those whom it lets in, and what the policy says.

    Raises the problem of whatever is not in order with the version, the names or the live share.
    """
    audiences.check_links(publishing.project, publishing.audience, publishing.workspace)
    check_active(*list_workspaces(publishing))
    description = model_versions.get_description(publishing.workspace, publishing.model, publishing.version)
    columns = ", ".join(column.name or column.type for column in description.inputs)
    vetted = vetting.look(publishing, description)
    standings.refuse_second(publishing.project, publishing.workspace, publishing.audience)
    copies.check_staying(publishing.workspace, publishing.published_model)
    copies.check_name(publishing.share, publishing.workspace, publishing.published_model, publishing.model)
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    audiences.check_names(publishing.workspace, members)
    _check_reach(publishing, members)
    share = ownership.find_share(publishing.workspace, publishing.share)
    included = travels.find_included(caller, action, publishing, vetted.travels, share)
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
        travels=vetted.travels,
    )
    settled = replace(
        publishing,
        included=included,
        readers=[member.sharing_identifier for member in members],
        is_first=_check_standing(publishing, standing),
    )
    return made, _with_travels(settled, vetted.travels), vetted


def _with_travels(publishing: Publishing, travels: Travels) -> Publishing:
    """The publishing with what leaves by the copy."""
    return replace(
        publishing,
        tags=travels.tags,
        files=[{"path": file.path, "size": file.size, "modified_at": file.modified_at} for file in travels.files],
        digest=travels.digest,
        needs=[asdict(one) for one in travels.dependencies],
    )


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

    Once an earlier one has, nobody is let in on the side: raises `AudienceChangePending` when somebody is missing, and
    `ShareNotFound` when the share itself is, in which others were let see what they have.
    """
    place = (publishing.project, publishing.workspace, publishing.audience)
    if standing is None and standings.is_shown(*place):
        raise ShareNotFound(workspace=publishing.workspace, kind="share", name=publishing.share)
    if standing is None or not standings.is_settled(*place):
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
