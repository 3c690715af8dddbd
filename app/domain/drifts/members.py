"""Who is to read a share, who was let in, and who is known at all? What the kinds of drift of shares ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.domain import audiences, newcomers, standings
from app.domain.access import Caller
from app.domain.drifts.looks import Look
from app.domain.workflows import Work
from app.errors import Problem
from app.store.drifts import Drift
from app.workspaces import metastores, recipients
from app.workspaces.shares import Share


def list_known(look: Look) -> dict[str, str]:
    """The name of each recipient that Causeway sees, by one list; the workspace's own metastore is `self`."""
    own = look.ask(metastores.get_sharing_identifier, look.workspace)
    found = look.ask(recipients.list_all, look.workspace)
    known = {one.sharing_identifier: one.name for one in found if one.sharing_identifier is not None}
    return {**known, own: recipients.SELF}


def list_let_in(look: Look, share: str) -> set[str]:
    """The sharing identifiers that Causeway ever let read the share."""
    promised = (one.audience for one in look.promises.publications if one.share == share)
    # One that the configuration has dropped since is known by what was published for it.
    audience = look.share_names.get(share) or next(promised, None)
    return look.ask(standings.list_let_in, look.project, look.workspace, audience) if audience else set()


def list_declared(look: Look, share: str) -> dict[str, list[str]]:
    """The metastores that the share's audience declares, each with its workspaces.

    Of a workspace that does not answer, what was known when it was let in.
    """
    told = [one for record in look.promises.publications for one in record.recipients]
    known = {place: str(one["sharing_identifier"]) for one in told for place in one.get("workspaces", [])}
    return audiences.list_declared(look.project, look.share_names.get(share), known)


def iterate_declared(look: Look, found: Iterable[Share]) -> Iterator[tuple[Share, dict[str, list[str]]]]:
    """Each of the shares with those whom its audience declares; one for which nobody can tell that is missed."""
    for share in found:
        try:
            declared = list_declared(look, share.name)
        except Problem as problem:
            look.missed.append(problem)
        else:
            yield share, declared


def require_judged(drift: Drift, work: Work) -> None:
    """Who is let in again may see by the policy of now what the share shows; raises as `newcomers` does."""
    shown = newcomers.look(Caller(work.principal), drift.project, drift.workspace, drift.target["audience"])
    newcomers.require(shown, work.principal)
