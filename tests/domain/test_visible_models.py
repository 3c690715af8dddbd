"""Which models of an accepted catalog a look asks for their versions: never more than so many where nothing happens."""

from typing import Any

from app.domain.visible_models import AT_A_TIME, choose

NAMES = [f"c.s.m{number:03}" for number in range(500)]


def known(*names: str, versions: tuple[int, ...] = (1,)) -> dict[str, dict[str, Any]]:
    """What an earlier look found, the first of the names the longest ago."""
    seen = [{"version": version, "state": "READY", "seen_at": "2026"} for version in versions]
    return {name: {"model": name, "versions": seen, "looked_at": f"{at:04}"} for at, name in enumerate(names)}


def promised(*names: str, version: int = 1) -> set[tuple[str, int]]:
    return {(name, version) for name in names}


def test_an_idle_look_at_a_large_catalog_asks_for_a_few_and_for_all_of_them_in_turn() -> None:
    before, asked = known(*NAMES), set[str]()

    for look in range(len(NAMES) // AT_A_TIME):
        due = choose(NAMES, before, None)
        assert len(due) == AT_A_TIME
        asked |= due
        before = {name: {**entry, "looked_at": f"z{look}"} if name in due else entry for name, entry in before.items()}

    assert asked == set(NAMES)


def test_what_is_new_or_not_as_promised_is_asked_for_at_once() -> None:
    before = known(*NAMES)
    last = NAMES[-1]

    assert "c.s.new" in choose([*NAMES, "c.s.new"], before, None)
    assert last not in choose(NAMES, before, promised(*NAMES))
    assert last in choose(NAMES, before, promised(*NAMES) | promised(last, version=2))
    assert last in choose(NAMES, before, promised(*NAMES[:-1]))
    assert len(choose(NAMES, before, promised(*NAMES[:-1]))) == AT_A_TIME + 1
