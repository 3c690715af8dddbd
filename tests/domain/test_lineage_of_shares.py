"""Lineage through all that the platform allows: owned copies, whole models, partners, tables; from planted records."""

from typing import Any

import pytest

from app.domain import lineage, origins, provenance
from app.domain.drawings import mermaid, svg
from app.domain.drawings.crowds import gather
from app.domain.drawings.layout import NARROW, lay_out
from app.domain.lineage import DOWNSTREAM, UPSTREAM, Start
from app.domain.lineage_graphs import Graph
from app.errors import NotInProject
from app.store.audience_changes import AudienceChange
from app.store.database import transaction
from app.store.publications import Publication
from app.store.records import Record
from tests.domain.test_lineage import accepted, alice, bob, deployed, plant, published, record, records, statements

__all__ = ["records"]
ACME = "aws:us-west-2:11111111-2222-3333-4444-555555555555"


def shown(model: str, *versions: int) -> list[dict[str, Any]]:
    return [{"model": model, "versions": [{"version": one, "state": "READY"} for one in versions]}]


def kept(source: str, version: int, owned: str, **known: Any) -> dict[str, Any]:
    """A copy that a consumer made of the version and owns."""
    sides = {"source": {"model": source, "version": version}, "owned": {"model": owned, "version": 1}}
    return {**sides, "digest": "sha256:2", **known}


def edges(direction: str = lineage.BOTH, **start: Any) -> set[str]:
    """Each step in short: the ends of the names of both sides, and what lies between."""
    graph = lineage.trace(alice, Start(**start), direction)
    names = {
        node.id: f"{node.kind} {node.name.rpartition('.')[2] if node.kind != 'share' else node.name}"
        for node in graph.nodes.values()
    }
    assert (svg.draw(graph, "x").count("<g "), mermaid.draw(graph).count("-->")) == (len(names), len(graph.edges))
    return {f"{names[one.from_id]} {one.kind} {names[one.to_id]}" for one in graph.edges.values()}


def own_a_copy(state: str = "ACTIVE") -> list[Record]:
    """A consumer that copied version 8 of what it saw, serves the copy, and gave the share back since, or not."""
    copy = kept("shared_bikes.bikes.demand", 8, "main.bikes.Own", publication_id="pub_bikes_2")
    served = deployed("bikes", 9)
    served.model, served.version, served.endpoint = "main.bikes.own", 1, "bikes-own"
    return [accepted("bikes", "shared_bikes", id="acc_kept", state=state, outcome={"copies": [copy]}), served]


def test_a_copy_that_the_consumer_owns_leads_back_to_the_data_and_its_endpoint_is_in_the_impact(records: None) -> None:
    plant(*own_a_copy("GIVEN_BACK"))
    own: dict[str, Any] = {"workspace": "prod", "model": "main.bikes.OWN", "version": 1}

    origin = lineage.trace(alice, Start(**own), UPSTREAM)
    impact = lineage.trace(alice, Start(workspace="dev", model="main.bikes.demand", version=2), DOWNSTREAM)

    owned = origin.nodes["owned_copy:prod:main.bikes.own/1"]
    assert (owned.record_id, owned.details) == ("acc_kept", {"digest": "sha256:2"})
    assert {node.kind for node in origin.nodes.values()} == {
        *("data", "training_run", "model_version", "copy", "share", "catalog", "owned_copy")
    }
    assert "model_version:prod:shared_bikes.bikes.demand/8" in origin.nodes
    assert "endpoint:prod:bikes-own" in impact.nodes
    assert "endpoint:prod:bikes-demand" in impact.nodes
    # One acceptance of the catalog was given back, and another one stays.
    assert impact.nodes["catalog:prod:shared_bikes"].details == {"state": "ACTIVE"}
    assert "owned_copy demand/8 copied_to owned_copy own/1" not in edges(**own)
    assert "model_version demand/8 copied_to owned_copy own/1" in edges(digest="sha256:2")
    assert edges(workspace="prod", endpoint="bikes-own") >= edges(UPSTREAM, **own)
    with pytest.raises(NotInProject):
        lineage.trace(bob, Start(**own))
    with statements() as read:
        edges(workspace="prod", catalog="shared_bikes")
    assert len(read) == 7


def share_whole() -> None:
    """A model of which version 1 was named; two are known to be seen, and a third one serves."""
    names = {
        "model": "main.bikes.whole",
        "published_model": "main.bikes.whole",
        "published_version": 1,
        "digest": "sha256:w1",
    }
    place = {**names, "audience": "wide", "share": "causeway_bikes_wide"}
    seen = shown("shared_bikes_wide.bikes.demand", 1, 2)
    outcome = {"models": seen, "also_seen_in": ["island"]}
    wide = accepted("bikes", "shared_bikes_wide", audience="wide", share="causeway_bikes_wide", outcome=outcome)
    served = deployed("bikes", 9)
    served.model, served.version, served.endpoint = "shared_bikes_wide.bikes.demand", 3, "bikes-wide"
    plant(published("bikes", 1, **place, id="pub_whole"), wide, served)


def test_of_a_model_that_is_shared_whole_every_version_goes_on_under_its_own_number(records: None) -> None:
    share_whole()
    way = {
        "model_version whole/3 shared_in share causeway_bikes_wide",
        "share causeway_bikes_wide accepted_as catalog shared_bikes_wide",
        "catalog shared_bikes_wide shows model_version demand/3",
        "model_version demand/3 served_by endpoint bikes-wide",
    }
    assert edges(workspace="prod", endpoint="bikes-wide") == way
    assert edges(DOWNSTREAM, workspace="dev", model="main.bikes.whole", version=3) == way
    impact = lineage.trace(alice, Start(workspace="dev", model="main.bikes.whole", version=3), DOWNSTREAM).nodes
    assert "model_version:island:shared_bikes_wide.bikes.demand/3" in impact
    # The bytes of the version that was named are known, and of no other.
    seen_named = lineage.trace(alice, Start(digest="sha256:w1")).nodes[
        "model_version:prod:shared_bikes_wide.bikes.demand/1"
    ]
    told = (seen_named, impact["model_version:prod:shared_bikes_wide.bikes.demand/3"])
    assert [one.details["digest"] for one in told] == ["sha256:w1", None]
    by_publication = edges(publication="pub_whole")
    assert {f"catalog shared_bikes_wide shows model_version demand/{number}" for number in (1, 2)} <= by_publication
    assert not {one for one in by_publication if "copied_to" in one}
    # Which other versions one that was withdrawn has shown, nobody knows any more; they came through the share.
    with transaction() as session:
        session.get_one(Publication, "pub_whole").state = "WITHDRAWN"
    named = edges(UPSTREAM, workspace="prod", model="shared_bikes_wide.bikes.demand", version=1)
    other = edges(UPSTREAM, workspace="prod", model="shared_bikes_wide.bikes.demand", version=3)
    assert "model_version whole/1 shared_in share causeway_bikes_wide" in named
    assert other == {
        "share causeway_bikes_wide accepted_as catalog shared_bikes_wide",
        "catalog shared_bikes_wide shows model_version demand/3",
    }


def test_what_a_partner_shares_begins_at_its_sharing_identifier(records: None) -> None:
    seen = shown("shared_bikes_acme.forecasts.wind", 4, 5)
    copy = kept("shared_bikes_acme.forecasts.wind", 4, "main.bikes.wind", digest="sha256:wind")
    outcome = {"provider_identifier": ACME, "models": seen, "copies": [copy]}
    sides = {"provider_workspace": None, "audience": None, "share": "acme_forecasts"}
    plant(accepted("bikes", "shared_bikes_acme", **sides, outcome=outcome))

    graph = lineage.trace(alice, Start(workspace="prod", model="main.bikes.wind", version=1), UPSTREAM)
    way = {
        "share acme_forecasts accepted_as catalog shared_bikes_acme",
        "catalog shared_bikes_acme shows model_version wind/4",
        "model_version wind/4 copied_to owned_copy wind/1",
    }

    assert f"share:{ACME}:acme_forecasts" in graph.nodes
    assert edges(UPSTREAM, workspace="prod", model="main.bikes.wind", version=1) == way
    assert edges(digest="sha256:wind") == way
    both = way | {"catalog shared_bikes_acme shows model_version wind/5"}
    assert edges(workspace="prod", catalog="shared_bikes_acme") == both
    only = edges(DOWNSTREAM, workspace="prod", model="shared_bikes_acme.forecasts.wind", version=4)
    assert only == {"model_version wind/4 copied_to owned_copy wind/1"}


def share_tables() -> None:
    """Version 3 needs a table and a function; the audience has a table of its own, and had another one."""
    needs = [{"kind": "table", "name": "main.bikes.Weather-now"}, {"kind": "function", "name": "main.bikes.hour"}]
    change = {"workspace": "dev", "audience": "azure", "share": "causeway_bikes_azure", "state": "SUCCEEDED"}
    came = record(AudienceChange, "bikes", 1, **change, outcome={"tables_added": ["main.bikes.a", "main.bikes.b"]})
    went = record(AudienceChange, "bikes", 2, **change, outcome={"tables_removed": ["main.bikes.b"]})
    needing = published("bikes", 3, id="pub_needing")
    needing.outcome = {**needing.outcome, "needs": needs}
    plant(needing, came, went)


def test_tables_that_travel_are_origins_of_what_needs_them_and_are_seen_beside_it(records: None) -> None:
    share_tables()

    origin = edges(UPSTREAM, workspace="prod", model="shared_bikes.bikes.demand", version=9)
    impact = lineage.trace(alice, Start(workspace="dev", table="main.bikes.weather-now"), DOWNSTREAM).nodes
    beside = edges(workspace="prod", table="shared_bikes.bikes.a")

    assert {
        "table weather-now needed_by model_version demand/3",
        "function hour needed_by model_version demand/3",
        "table weather-now shared_in share causeway_bikes_azure",
        "catalog shared_bikes shows table weather_now",
        "table weather_now needed_by model_version demand/9",
    } <= origin
    assert "table a" not in " ".join(origin)
    assert {"copy:dev:causeway_shareable.causeway_bikes_azure.demand/9", "model_version:dev:main.bikes.demand/3"} <= {
        *impact
    }
    assert "model_version:prod:shared_bikes.bikes.demand/9" in impact
    assert beside == {
        "table a shared_in share causeway_bikes_azure",
        "share causeway_bikes_azure accepted_as catalog shared_bikes",
        "catalog shared_bikes shows table a",
    }
    gone = lineage.trace(alice, Start(workspace="dev", table="main.bikes.b")).nodes["table:dev:main.bikes.b"]
    assert gone.details == {"state": "WITHDRAWN"}
    assert {"catalog shared_bikes shows table a", "catalog shared_bikes shows table weather_now"} <= edges(
        workspace="prod", catalog="shared_bikes"
    )
    check_what_is_beside()
    with pytest.raises(NotInProject):
        lineage.trace(bob, Start(workspace="dev", table="main.bikes.a"))
    check_that_no_line_is_hidden(lineage.trace(alice, Start(workspace="prod", catalog="shared_bikes")))


def check_what_is_beside() -> None:
    """What the inventory says of it."""
    ways = provenance.read(["bikes"])
    found = origins.find(ways, ("prod", "shared_bikes.bikes.demand", 9))
    assert [(one["kind"], one["name"].rpartition(".")[2]) for one in found.travels_with] == [
        *(("table", "a"), ("function", "hour"), ("table", "weather_now"))
    ]
    # What another version needs is not said of this one.
    (along,) = origins.find(ways, ("dev", "causeway_shareable.causeway_bikes_azure.demand", 8)).travels_with
    assert along == {"kind": "table", "name": "main.bikes.a"}


def check_that_no_line_is_hidden(graph: Graph) -> None:
    """What leads past a column passes between its cards."""
    layout = lay_out(graph)
    assert layout.bends
    for (node_id, column), row in layout.bends.items():
        lane = graph.nodes[node_id].workspace
        cards = [
            at for one, (there, at) in layout.places.items() if (there, graph.nodes[one].workspace) == (column, lane)
        ]
        assert not [at for at in cards if at < row + NARROW and row < at + 1]
    # A table stands next to what needs it, and not where the longest way begins.
    assert layout.places["table:dev:main.bikes.a"][0] == layout.places["share:dev:causeway_bikes_azure"][0] - 1


def test_hundreds_that_stand_alike_are_drawn_as_one_and_what_differs_by_itself() -> None:
    graph = Graph()
    share, catalog = graph.add("share", "dev", "s"), graph.add("catalog", "prod", "c")
    graph.chain(share, "accepted_as", catalog)
    for number in range(500):
        source, copy = graph.add("model_version", "dev", f"a.b.m/{number + 1}"), graph.add("copy", "dev", f"c/{number}")
        graph.chain(source, "copied_to", copy, "shared_in", share)
        graph.chain(catalog, "shows", graph.add("model_version", "prod", f"c.b.m/{number + 1}"))
    graph.chain("model_version:prod:c.b.m/7", "served_by", graph.add("endpoint", "prod", "e"))
    graph.chain(graph.add("table", "dev", "a.b.t"), "needed_by", "model_version:dev:a.b.m/9")

    drawn = gather(graph)

    assert {node.name for node in drawn.nodes.values()} == {
        *("s", "c", "499 model versions", "499 vetted copies", "a.b.t", "a.b.m/9", "c/8", "c.b.m/7", "e")
    }
    assert len(drawn.edges) == 2 + 2 + 1 + 1 + 2 + 1
    assert svg.draw(graph, "many").count("<g ") == len(drawn.nodes) == 10
