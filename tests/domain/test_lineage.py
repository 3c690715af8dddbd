"""Origin and impact of every kind of thing, from planted records; as a graph, as Mermaid, and as a picture."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from sqlalchemy import Engine, event

from app import configuration
from app.domain import lineage
from app.domain.access import Caller
from app.domain.drawings import mermaid, svg
from app.domain.drawings.layout import lay_out
from app.domain.lineage import DOWNSTREAM, UPSTREAM, Start
from app.domain.lineage_graphs import Graph
from app.errors import NotInProject, RecordNotFound
from app.store import connection, migrations
from app.store.acceptances import Acceptance
from app.store.database import transaction
from app.store.deployments import Deployment
from app.store.publications import Publication
from app.store.records import Record
from app.store.scoring_runs import ScoringRun
from app.store.training_runs import TrainingRun
from tests import postgres
from tests.http.conftest import ALICE, BOB, make_configuration

FILE = "/Volumes/main/bikes/files/rides.csv"
SVG = "{http://www.w3.org/2000/svg}"
alice, bob = Caller(ALICE), Caller(BOB)


@pytest.fixture(params=["sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Version 1 and 2 trained in dev, published, accepted in prod, scored; the second serves. Trains has the like."""
    configured = make_configuration()
    for project in ("bikes", "trains"):
        configured["projects"][project]["sources"]["prod"] = [f"shared_{project}*", f"main.{project}.*"]
    (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(configured))
    configuration.use(tmp_path / "causeway.yaml")
    url = f"sqlite:///{tmp_path / 'causeway.sqlite'}"
    if request.param == "sqlite":
        migrations.upgrade(url)
    else:
        url = postgres.sqlalchemy_url(postgres.new_database())
    connection.connect(url)
    for project in ("bikes", "trains"):
        plant(accepted(project, f"shared_{project}"))
        for version in (1, 2):
            plant(trained(project, version), published(project, version), scored(project, version))
        plant(deployed(project, 2))
    yield
    connection.disconnect()


def plant(*made: Record) -> None:
    with transaction() as session:
        session.add_all(made)


def record(kind: Any, project: str, tag: Any, **columns: Any) -> Any:
    identity = {"id": f"{kind.kind[:3]}_{project}_{tag}", "operation_id": f"op_{tag}", "created_by": ALICE}
    return kind(**{**identity, "project": project, "state": "ACTIVE", **columns})


def trained(project: str, version: int) -> Any:
    data = {"path": FILE.replace("bikes", project), "sha256": "x", "rows": 10}
    outcome = {"data": data, "run_id": f"run{version}", "metrics": {"rmse": 48.9}, "trials": ["long"] * 100}
    place = {"workspace": "dev", "model": f"main.{project}.Demand", "version": version}
    return record(TrainingRun, project, version, state="SUCCEEDED", request={"target": "y"}, outcome=outcome, **place)


def published(project: str, version: int, **columns: Any) -> Any:
    names = {"audience": "azure", "share": f"causeway_{project}_azure", "digest": f"sha256:{version}"}
    copy = {"published_model": f"causeway_shareable.causeway_{project}_azure.demand", "published_version": version + 6}
    place = {"workspace": "dev", "model": f"main.{project}.demand", "version": version}
    outcome = {"shared_as": f"{project}.demand", "files": [{"path": "x"}] * 50}
    return record(Publication, project, version, **{**place, **names, **copy, "outcome": outcome, **columns})


def accepted(project: str, catalog: str, **columns: Any) -> Any:
    names = {"provider_workspace": "dev", "audience": "azure", "share": f"causeway_{project}_azure"}
    return record(Acceptance, project, catalog, **{"workspace": "prod", **names, "catalog": catalog, **columns})


def scored(project: str, version: int, tag: str = "") -> Any:
    place = {"workspace": "prod", "model": f"shared_{project}.{project}.demand", "version": version + 6}
    paths = {"input_path": "/x", "output_path": "/y", "outcome": {"rows": 24}}
    return record(ScoringRun, project, f"{version}{tag}", state="SUCCEEDED", **place, **paths)


def deployed(project: str, version: int) -> Any:
    place = {"workspace": "prod", "model": f"shared_{project}.{project}.demand", "version": version + 6}
    return record(Deployment, project, version, **place, endpoint=f"{project}-demand", served_entity="demand-v8")


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is read meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.extend([statement] if statement.startswith("SELECT") else [])

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def walk(direction: str = lineage.BOTH, caller: Caller = alice, **start: Any) -> set[str]:
    """What is in the graph, in short: kind and the end of the name."""
    graph = lineage.trace(caller, Start(**start), direction)
    known = set(graph.nodes)
    assert all({edge.from_id, edge.to_id} <= known for edge in graph.edges.values())
    return {f"{node.kind} {re.split('[./_]', node.name, maxsplit=0)[-1]}" for node in graph.nodes.values()}


ORIGIN = {"data csv", "training_run 2", "model_version 2", "copy 8", "share azure", "catalog bikes", "model_version 8"}


def test_the_origin_and_the_impact_of_a_version_are_asked_for_apart(records: None) -> None:
    seen: dict[str, Any] = {"workspace": "prod", "model": "shared_bikes.bikes.demand", "version": 8}
    source: dict[str, Any] = {"workspace": "dev", "model": "main.bikes.DEMAND", "version": 2}
    copy: dict[str, Any] = {"workspace": "dev", "model": "causeway_shareable.causeway_bikes_azure.demand", "version": 8}

    assert walk(UPSTREAM, **seen) == ORIGIN
    assert walk(DOWNSTREAM, **seen) == {"model_version 8", "scoring_run 2", "endpoint bikes-demand"}
    assert walk(UPSTREAM, **source) == {"data csv", "training_run 2", "model_version 2"}
    impact = ORIGIN - {"data csv", "training_run 2"} | {"scoring_run 2", "endpoint bikes-demand"}
    assert walk(DOWNSTREAM, **source) == impact
    assert walk(DOWNSTREAM, **copy) == impact - {"model_version 2"}
    assert walk(UPSTREAM, **copy) == {"data csv", "training_run 2", "model_version 2", "copy 8"}
    assert walk(**source) == walk(**seen) == ORIGIN | impact


def test_a_publication_a_catalog_an_endpoint_a_file_and_a_digest_are_places_to_start_from(records: None) -> None:
    whole = ORIGIN | {"scoring_run 2", "endpoint bikes-demand"}
    both = whole | {"training_run 1", "model_version 1", "copy 7", "model_version 7", "scoring_run 1"}

    assert walk(publication="pub_bikes_2") == whole
    assert walk(digest="sha256:2") == whole
    assert walk(workspace="prod", endpoint="bikes-demand") == ORIGIN | {"endpoint bikes-demand"}
    assert walk(DOWNSTREAM, workspace="prod", endpoint="bikes-demand") == {"endpoint bikes-demand"}
    assert walk(workspace="prod", catalog="shared_bikes") == both
    shown = {"catalog bikes", "model_version 7", "model_version 8", "scoring_run 1", "scoring_run 2"}
    assert walk(DOWNSTREAM, workspace="prod", catalog="shared_bikes") == shown | {"endpoint bikes-demand"}
    assert walk(DOWNSTREAM, workspace="dev", data=FILE) == both
    assert walk(UPSTREAM, workspace="dev", data=FILE) == {"data csv"}
    assert walk(digest="sha256:9") == set()


def test_another_project_is_neither_a_start_nor_on_the_way(records: None) -> None:
    assert "endpoint bikes-demand" not in walk(caller=bob, digest="sha256:2")
    with pytest.raises(RecordNotFound):
        walk(caller=bob, publication="pub_bikes_2")
    for start in (
        {"workspace": "prod", "endpoint": "bikes-demand"},
        {"workspace": "prod", "catalog": "shared_bikes"},
        {"workspace": "dev", "data": FILE},
        {"workspace": "dev", "data": "/Volumes/main/bikes/files/../../x"},
        {"workspace": "dev", "model": "main.bikes.demand", "version": 1},
    ):
        with pytest.raises(NotInProject):
            walk(caller=bob, **start)


def test_a_long_way_with_a_thousand_things_beside_it_is_read_by_a_handful_of_statements(records: None) -> None:
    # Each copy is published on, from the workspace where it was accepted into the other one.
    hops = 300
    links: list[Record] = []
    for hop in range(hops):
        here, there = ("dev", "prod") if hop % 2 == 0 else ("prod", "dev")
        model = f"shared_bikes{hop}.bikes.demand" if hop else "main.bikes.long"
        names = {"workspace": here, "model": model, "audience": f"a{hop}", "share": f"s{hop}"}
        copy = {"published_model": f"c.s{hop}.demand", "published_version": 1, "id": f"pub_{hop}"}
        place = {"workspace": there, "provider_workspace": here, "audience": f"a{hop}"}
        links += [published("bikes", 1, **names, **copy), accepted("bikes", f"shared_bikes{hop + 1}", **place)]
    plant(*links, *(scored("bikes", 1, f"run{number:04}") for number in range(600)))

    with statements() as read:
        whole = lineage.trace(alice, Start(workspace="dev", model="main.bikes.long", version=1))

    assert len(read) == 6
    assert len(whole.nodes) == 1 + 4 * hops
    assert whole.complete
    assert lay_out(whole).columns == 1 + 4 * hops
    busy = lineage.trace(alice, Start(digest="sha256:1"), DOWNSTREAM)
    assert not busy.complete
    assert len([node for node in busy.nodes.values() if node.kind == "scoring_run"]) == lineage.MOST_RUNS
    drawn = ElementTree.fromstring(svg.draw(busy, "busy"))
    assert len(drawn.findall(f"{SVG}g")) < 50 + 4 * hops
    assert "500 scoring runs" in "".join(drawn.itertext())


def test_a_picture_stands_by_itself_goes_from_left_to_right_and_escapes_every_name(records: None) -> None:
    hostile = '</text><script>alert(1)</script>"&\'{end}; click n0 "javascript:x"'
    graph = lineage.trace(alice, Start(digest="sha256:2"))
    graph.chain(graph.add("data", '<b>"dev', hostile, state=hostile), "read_by", graph.add("new_kind", "dev", hostile))

    picture, chart = svg.draw(graph, hostile), mermaid.draw(graph)

    root = ElementTree.fromstring(picture)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "style", "defs", "marker", "path", "rect", "text", "g")
    }
    assert not re.search(r"""(href|src|url)\s*[=(]\s*["']?(?!#tip)""", picture.split("</style>")[1])
    assert "prefers-color-scheme:dark" in picture
    assert hostile in [title.text for title in root.iter(f"{SVG}title")]
    places = lay_out(graph).places
    assert all(places[edge.from_id][0] < places[edge.to_id][0] for edge in graph.edges.values())
    assert len({(graph.nodes[one].workspace, *place) for one, place in places.items()}) == len(graph.nodes)
    lines = chart.splitlines()
    assert lines[0] == "flowchart LR"
    node, edge = r'    n\d+\["([^"<>]|<br/>)*"\](:::\w+)?', r"  n\d+ -->\|[\w ]+\| n\d+"
    allowed = rf'  subgraph w\d+\["[^"<>]*"\]|{node}|  end|{edge}|  classDef .*'
    assert [line for line in lines[1:] if not re.fullmatch(allowed, line)] == []
    assert len([line for line in lines if "-->" in line]) == len(graph.edges)


def test_a_circle_is_drawn_and_does_not_hang() -> None:
    graph = Graph()
    ids = [graph.add("share", "dev", name) for name in "abcd"]
    for one, other in pairwise([*ids[:3], ids[0]]):
        graph.chain(one, "shared_in", other)

    assert {column for column, _ in lay_out(graph).places.values()} == {0, 1, 2}
    assert ElementTree.fromstring(svg.draw(graph, "a circle")).tag == f"{SVG}svg"
    assert mermaid.draw(Graph()) == "flowchart LR\n"
    assert ElementTree.fromstring(svg.draw(Graph(), "nothing")).tag == f"{SVG}svg"
