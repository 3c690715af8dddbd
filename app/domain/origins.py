"""What do our records say of a version that a look has found? How it came there, which bytes, what goes along."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.provenance import ACTIVE, Key, Provenance, Shared, make_key
from app.store.lineage import Accepted

VETTED_COPY, SHARE, OWNED_COPY = "vetted-copy", "share", "owned-copy"


@dataclass(frozen=True)
class Source:
    """The version at its provider's: `place` is a workspace, or a partner's sharing identifier with the share."""

    place: str
    model: str
    version: int
    is_partners: bool


@dataclass(frozen=True)
class Origin:
    """How a version came to where it is (None: it was made there), and what is known of it.

    `digest` is what was proved of its bytes; `acceptance` let it in, from `source`. `travels_with` are the tables and
    functions that it needs, or that are shared beside it: `{kind, name}` each, as its workspace names them.
    """

    came_by: str | None = None
    publication_id: str | None = None
    digest: str | None = None
    acceptance: Accepted | None = None
    source: Source | None = None
    travels_with: list[dict[str, str]] = field(default_factory=list)


def find(ways: Provenance, key: Key) -> Origin:
    """What stands now. A copy that a consumer owns stays its own, whatever became of its source."""
    if (copy := ways.owned.get(key)) is not None:
        # Of a model that was shared whole, the record of a copy names the publication of one version alone.
        seen = [ways.published.get(copy.publication_id or ""), *(one for one, _ in ways.list_arrivals(copy.source))]
        shared = next((one for one in seen if one is not None), None)
        source = _find_source(copy.source, copy.acceptance, shared)
        along = _list_along(ways, copy.source)
        return Origin(OWNED_COPY, _get_id(shared), copy.digest, copy.acceptance, source, along)
    arrivals = [one for one in ways.list_arrivals(key) if one[0].state == one[1].state == ACTIVE]
    shared, accepted = arrivals[0] if arrivals else (None, ways.find_catalog(key))
    if accepted is not None and accepted.state == ACTIVE:
        one = shared.publication if shared and shared.names(key[2]) else None
        digest, source = one.digest if one else None, _find_source(key, accepted, shared)
        return Origin(SHARE, _get_id(shared), digest, accepted, source, _list_along(ways, key))
    for shared in (*ways.list_departures(key), *ways.sources.get(key, ())):
        if shared.state == ACTIVE and (one := shared.publication) is not None:
            is_copy = shared.place == key[:2] and not one.is_whole_model
            digest = one.digest if is_copy or one.version == key[2] else None
            along = _list_along(ways, key)
            return Origin(VETTED_COPY if is_copy else None, one.id, digest, travels_with=along)
    return Origin()


def _get_id(shared: Shared | None) -> str | None:
    return shared.publication.id if shared and shared.publication else None


def _find_source(seen: Key, accepted: Accepted, shared: Shared | None) -> Source:
    """Of what is seen: the version that was published, else what the provider calls it within the share."""
    one = shared.publication if shared else None
    if one is not None:
        return Source(one.workspace, one.model, seen[2] if one.is_whole_model else one.version, is_partners=False)
    place = accepted.provider_workspace or f"{accepted.provider_identifier}/{accepted.share}"
    return Source(place, seen[1].partition(".")[2], seen[2], is_partners=accepted.provider_workspace is None)


def _list_along(ways: Provenance, key: Key) -> list[dict[str, str]]:
    """What the version needs, and the tables of its audience, as far as both are in the share now."""
    needed = {other: ways.describe(other) for other in ways.up.get(key) if other[2] == 0}
    found = {other for other, known in needed.items() if known.details.get("state") == ACTIVE}
    for shared in ways.list_departures(key):
        found |= {(*one.place, 0) for one in ways.list_beside(shared)}
    for shared, accepted in ways.list_arrivals(key):
        if accepted.state == ACTIVE:
            beside = ways.list_beside(shared)
            found |= {make_key(key[0], f"{accepted.catalog}.{one.shared_as}", 0) for one in beside}
    return [{"kind": ways.describe(other).kind, "name": other[1]} for other in sorted(found)]
