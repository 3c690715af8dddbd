"""Two strangers play the story over the link: plain scripts with the unmodified clients, one in each workspace."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.running import Sandbox
from tests.sandbox.sharing import ensure_recipient

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "app" / "sandbox" / "data" / "bikeshare.csv"


def test_a_model_trained_in_one_workspace_is_served_in_the_other_with_equal_answers(
    sandbox: Sandbox, unique: Callable[[str], str]
) -> None:
    catalog, share = unique("bikes"), unique("share")
    printed = sandbox.run_script(
        *(HERE / "play_provider.py", "dev"),
        *("--data", str(DATA), "--catalog", catalog, "--shareable-catalog", f"{catalog}_shareable"),
        *("--share", share, "--recipient", ensure_recipient(sandbox)),
        *("--consumer", sandbox.workspaces["prod"]["global_metastore_id"]),
    )
    told = printed.splitlines()[-1]
    printed = sandbox.run_script(
        *(HERE / "play_consumer.py", "prod"),
        *("--told", told, "--catalog", unique("shared"), "--endpoint", unique("bikes")),
    )
    answers = json.loads(printed.splitlines()[-1])
    assert answers["served"] == "champion"
    assert len(answers["provider"]) == 5
    for way in ("loaded", "queried", "deployed"):
        assert answers[way] == pytest.approx(answers["provider"], abs=1e-9)
