"""May those who join an audience see what was published for it before? It is judged as if it were published now."""

from __future__ import annotations

from app.configuration import Policy
from app.domain import audiences, model_versions, publication_requests, travels, vetting
from app.domain.access import Caller
from app.domain.plans import Check
from app.domain.vetting import Vetted
from app.store import records
from app.store.publications import Publication
from app.workspaces import models

ACTION = "change-audience"
Shown = list[tuple[Publication, Vetted]]
"""Each version that an audience sees, with what the policy says of it."""


def look(caller: Caller, project: str, workspace: str, audience: str) -> Shown:
    """What the policy says of each version that the audience sees, for all who are declared now.

    Empty where the audience asks for nothing: inside the company, without a policy. Raises `WholeModelRefused`,
    `NotForExternal`, `PolicyUnmet`, and `ModelVersionNotFound` for a source that cannot be looked at any more.
    """
    declared = audiences.get(project, audience)
    if not declared.external and declared.policy == Policy():
        return []
    place = {"project": project, "workspace": workspace, "audience": audience}
    return [(one, _look(caller, one)) for one in records.list_all(Publication, state="ACTIVE", **place)]


def list_checks(found: Shown) -> list[Check]:
    """As a plan lists them; how many have approved is left out, so that the plan stays the same when they do."""
    checks = []
    for one, vetted in found:
        subject = f", for {vetted.subject.digest}" if vetted.subject else ""
        needed = f"approvals needed: {vetted.approvals_needed}{subject}"
        checks.append(Check("who joins may see what is shown", f"{one.model} version {one.version}; {needed}"))
    return checks


def require(found: Shown, principal: str) -> None:
    """Raise `ApprovalMissing` where too few others have approved a version for all who are declared now."""
    for _, vetted in found:
        vetting.require_approvals(vetted.subject, vetted, principal)


def _look(caller: Caller, one: Publication) -> Vetted:
    asked = (one.project, one.workspace, one.model, one.version, one.audience)
    publishing = publication_requests.make(caller, *asked, action=ACTION, whole=one.is_whole_model)
    vetted = vetting.look(publishing, model_versions.get_description(one.workspace, one.model, one.version))
    copy = models.get_version(one.workspace, one.published_model, int(one.published_version or one.version))
    # The source's tags may have changed since: readers see those of the copy.
    travels.check_tags(publishing, copy.tags or {})
    return vetted
