"""What Causeway asks of a workspace grows with pages and models, never with rows; `make bench-scale` has figures."""

import re

import pytest

from tests.journeys.crowds import Asked, counting, crowd, make_versions
from tests.two_workspaces import TwoWorkspaces

pytestmark = pytest.mark.xdist_group("sharing")
# The sandbox's first page of a list is empty.
A_LIST = 2
MANY = 16


@pytest.fixture(scope="module")
def crowded(world: TwoWorkspaces) -> tuple[TwoWorkspaces, Asked]:
    """A world whose audience spare_25 has a first publication and then many, and what the first one asked."""
    model = world.model()
    version = world.version(model)
    world.record(world.publish(model, world.version(model), audience="spare_24"))
    with counting(world) as first:
        world.record(world.publish(model, version, audience="spare_25"))
    crowd(world, "spare_25", MANY)
    return world, first


LISTS = {
    "models": ("models?schema=main.bikes&page_size=200", A_LIST),
    "versions": ("models/{model}/versions?page_size=200", A_LIST + 1),
    "shares": ("shares?page_size=200", A_LIST),
    "one share": ("shares/causeway_bikes_spare_25", A_LIST + 1),
    "recipients": ("recipients?page_size=200", A_LIST),
    "providers": ("providers?page_size=200", A_LIST),
    "catalogs": ("catalogs?page_size=200", A_LIST),
    "endpoints": ("serving-endpoints", 1),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_live_list_asks_no_more_than_its_pages(crowded: tuple[TwoWorkspaces, Asked], name: str) -> None:
    world, _ = crowded
    path, most = LISTS[name]
    model = world.model()
    if name == "versions":
        make_versions(world, model, MANY)
    url = f"/v1/workspaces/dev/{path.format(model=model)}"
    # Once before: what is asked once and kept is not the list's.
    world.alice.get(url)

    with counting(world) as asked:
        answer = world.alice.get(url)

    assert answer.status_code == 200, answer.text
    assert len(asked.calls) <= most, asked.calls


def test_publishing_into_a_crowded_share_asks_what_it_asks_of_an_empty_one(
    crowded: tuple[TwoWorkspaces, Asked],
) -> None:
    world, first = crowded
    model = world.model()
    version = world.version(model)

    with counting(world) as asked:
        world.record(world.publish(model, version, audience="spare_25"))

    assert len(without_waits(asked)) <= len(without_waits(first)), asked.calls
    assert not [call for call in asked.calls if "crowd" in call]


def test_accepting_asks_for_the_versions_of_a_model_together(crowded: tuple[TwoWorkspaces, Asked]) -> None:
    world, _ = crowded

    with counting(world) as asked:
        accepted = world.record(world.accept(audience="spare_25"))

    assert len(accepted["models"]) > MANY
    about = [call for call in asked.calls if re.search(r"/models/[^ ]+crowd", call)]
    assert not [call for call in about if re.search(r"/versions/\d+$", call)]
    # Once to wait for them, once to list what is there.
    assert len(about) <= 2 * A_LIST * MANY + A_LIST * MANY // 3


def without_waits(asked: Asked) -> list[str]:
    """What does not depend on how long a job takes."""
    return [call for call in asked.calls if not re.search(r"jobs/runs/get|oidc", call)]
