"""The journey between two real workspaces, where `LIVE_…` names them: `make live`."""

from pathlib import Path

import pytest

from tests.live.journey import play
from tests.live.live_settings import list_missing


@pytest.mark.skipif(bool(list_missing()), reason=f"no workspaces: {', '.join(list_missing())}")
def test_a_model_goes_the_whole_way_and_the_endpoint_answers_what_was_scored(tmp_path: Path) -> None:
    journey = play(tmp_path)

    assert journey.answers["served"] == pytest.approx(journey.answers["scored"], rel=1e-9)
    digests = {journey.records[stage]["outcome"]["digest"] for stage in ("score", "deploy")}
    assert digests == {journey.records["publish"]["digest"]}
    assert journey.records["withdraw"]["state"] == "WITHDRAWN"
    assert journey.records["give-back"]["state"] == "GIVEN_BACK"
