"""A model card shows what is known, in three forms, and what others wrote stays text in each of them."""

import json
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app.domain import bills_of_materials
from app.domain.model_cards import Card, markdown, page, shorten
from app.store.publications import Publication
from app.store.training_runs import TrainingRun

HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.test/z.png) | `a` \n# h **b** https://evil.test"
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
COMMON: dict[str, Any] = {"project": "bikes", "operation_id": "op_x", "created_by": "person:a@b.test", "created_at": AT}


def make_card(text: str = "a tidy text") -> Card:
    known: dict[str, Any] = {
        "shared_as": "bikes.demand",
        "files": [{"path": "MLmodel", "size": 10, "sha256": "0" * 64}],
        "tags": {"licence": text},
        "description": text,
        "policy": [{"rule": "metrics.rmse", "seen": text, "needed": "at most 50", "met": True}],
        "requirements": ["numpy==2.4.6", "mlflow", text, "torch>=2 ; python_version < '3.12'"],
        "recipients": [{"workspace": "prod", "sharing_identifier": "x"}],
        "inputs": [{"name": text, "type": "double"}],
        "scan": True,
    }
    place: dict[str, Any] = {
        "workspace": "dev",
        "model": "main.bikes.demand",
        "version": 7,
        "audience": "azure",
        "share": "s",
    }
    published: dict[str, Any] = {
        "published_model": "c.s.demand",
        "published_version": 3,
        "digest": f"sha256:{'1' * 64}",
    }
    publication = Publication(id="pub_x", state="ACTIVE", **COMMON, **place, **published, outcome=known)
    outcome: dict[str, Any] = {
        "metrics": {"rmse": 48.9, "r2": 0.8},
        "baseline": {"description": text, "metrics": {"rmse": 74.1}},
        "data": {"path": "/Volumes/main/bikes/files/rides.csv", "sha256": "2" * 64, "rows": 8645},
        "best": {"learner": "lgbm"},
    }
    trained: dict[str, Any] = {
        "workspace": "dev",
        "model": "main.bikes.demand",
        "version": 7,
        "request": {"target": "bikers"},
    }
    training = TrainingRun(id="trn_x", **COMMON, **trained, outcome=outcome)
    return Card(publication, training, [{"principal": "person:ada@b.test", "approved_at": AT}])


class Elements(HTMLParser):
    """The elements and addresses of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for name, value in attributes if name in {"src", "href", "action"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_what_others_wrote_is_text_on_the_page_and_no_part_of_it() -> None:
    tidy, hostile = Elements(page.draw(make_card())), Elements(page.draw(make_card(HOSTILE)))

    assert hostile.tags == tidy.tags
    assert hostile.tags.isdisjoint({"script", "a", "iframe", "object", "form", "strong", "code"})
    assert all(address.startswith("data:image/svg+xml;base64,") for address in hostile.addresses)
    words = " ".join(hostile.words)
    assert "<script>alert(1)</script> [x](javascript:alert(1))" in words
    assert "![y](https://evil.test/z.png) | `a` # h **b**" in words


def test_what_others_wrote_breaks_no_table_and_no_heading_of_the_markdown() -> None:
    tidy, hostile = markdown.draw(make_card()), markdown.draw(make_card(HOSTILE))

    def shape(text: str) -> list[str]:
        text = re.sub(r"\\.", "", text.partition("```")[0])
        return [f"{line[:2]}{line.count('|')}{line.count('<')}" for line in text.splitlines()]

    assert [line[-2:] for line in shape(hostile)] == [line[-2:] for line in shape(tidy)]
    assert [line for line in hostile.splitlines() if line.startswith("#")] == [
        line for line in tidy.splitlines() if line.startswith("#")
    ]


def test_a_card_tells_figures_origin_policy_and_approvals_beside_the_baseline() -> None:
    words = " ".join(Elements(page.draw(make_card())).words)

    for told in ("48.9", "74.1", "baseline", "rides.csv", "lgbm", "at most 50", "person:ada@b.test", "prod", "trn_x"):
        assert told in unescape(words), told


def test_the_short_form_has_figures_and_nobodys_name_and_is_never_long() -> None:
    short = shorten(make_card().training, ["licence"], 1, scan=True)

    told = "Metrics: r2 0.8, rmse 48.9. Policy: licence. Approved by: at least 1 other(s). Unsafe code: none found."
    assert short == told
    assert len(shorten(None, ["tags." + "x" * 255] * 50, 0, scan=False)) == 1000


@pytest.mark.parametrize("text", ["Apache-2.0", "MIT OR Apache-2.0", "as agreed with Acme", HOSTILE])
def test_a_bill_of_materials_is_valid_cyclonedx_whatever_the_lines_say(text: str) -> None:
    bill = bills_of_materials.make(make_card(text).publication)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    versions = {one["name"]: one.get("version") for one in bill["components"]}
    assert versions["numpy"] == "2.4.6"
    assert versions["mlflow"] is None
    assert bill == bills_of_materials.make(make_card(text).publication)
