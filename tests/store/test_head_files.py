"""Whoever edits the heads that left the database, or takes some of them out, is found; half a line is no edit."""

import json
from pathlib import Path

import pytest

from app.domain.audit.heads import digest, to_json
from tests.store.sealed_trail import found, happen, seal_all, seal_thirty, verify

# What has to do with files and words is the same on both.
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@ON_SQLITE
def test_an_edited_file_of_heads_is_found_and_half_a_line_is_not_an_edit(heads: Path) -> None:
    seal_thirty()
    (file,) = heads.iterdir()
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[1][:50], lines[1], lines[2]]))
    happen(31)
    seal_all()
    assert found() == []
    assert verify().heads_compared == 4
    # A log has other lines, too, and other members on the lines of heads.
    log = [{"event": "request", "status": 200}, {"event": "audit head", "level": "info", **json.loads(lines[1])}]
    file.write_text("\n".join(map(json.dumps, log)))
    assert (found(), verify().heads_compared) == ([], 1)

    file.write_text("\n".join([lines[0].replace('"last_event":10', '"last_event":9'), "nonsense", "{}", lines[2]]))

    (heads / "heads-2026-01.ndjson").mkdir()

    assert [kind for kind, *_ in found()] == ["head-unreadable"]
    (heads / "heads-2026-01.ndjson").rmdir()
    assert [kind for kind, *_ in found()] == ["head-edited"] * 3


@ON_SQLITE
def test_heads_that_were_taken_out_from_among_the_others_are_missed_wherever_they_stood(heads: Path) -> None:
    seal_thirty()
    for number in range(31, 34):
        happen(number)
        seal_all()
    (file,) = heads.iterdir()
    one, two, three, four, five, six = file.read_text().splitlines(keepends=True)

    def keep(*lines: str) -> list[tuple[str, int | None, int | None, int | None]]:
        file.write_text("".join(lines))
        return found()

    assert keep(one, three, six) == [("head-removed", 2, 11, 20), ("head-removed", 4, 31, 32)]
    assert [one.text for one in verify().findings] == [
        "The head of batch 2 with events 11 to 20 is not among those around it: it was taken out, or left elsewhere.",
        "The heads of batches 4 to 5 with events 31 to 32 are not among those around them: they were taken out, or left"
        " elsewhere.",
    ]
    elsewhere = heads / "heads-0000-00.ndjson"
    elsewhere.write_text(two + five + five)
    assert keep(one, four, three, six, one) == [], "in any order, any file, and more than once"
    elsewhere.unlink()
    # Whoever keeps heads for a time takes away the oldest; the newest vouch for all that is before them.
    assert (keep(three, four, five, six), verify().list_limits()) == ([], [])
    assert keep(one, two, three, four) == []
    assert verify().list_limits() == [
        "The newest head that was compared is that of batch 4, and there are 6: a tail that was cut off behind it"
        " together with its batches cannot be seen."
    ]


@ON_SQLITE
def test_a_head_that_was_made_without_the_key_is_none(heads: Path) -> None:
    seal_thirty()
    (file,) = heads.iterdir()
    head = {**json.loads(file.read_text().splitlines()[0]), "last_event": 9}
    head["digest"] = digest(head)

    file.write_text(to_json(head))

    assert found() == [("head-edited", 1, None, None)]
