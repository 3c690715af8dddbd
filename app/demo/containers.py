"""How does a Causeway in containers come to know the sandbox beside it? `python -m app.demo.containers STATE SETTINGS`.

STATE is the sandbox's folder; SETTINGS is the folder that `causeway serve` and `causeway worker` read. For
docker-compose.yml, which runs it once at every start.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from app.demo import stage
from app.demo.programs import ProgramFailed


def furnish(state: Path, settings: Path) -> None:
    """Give Causeway its rights in a running sandbox, the data, and its configuration; a second time changes nothing.

    Secrets go into files of their own, which the configuration names: no container sees another one's environment.
    """
    workspaces = json.loads((state / "sandbox.json").read_text())["workspaces"]
    granted = stage.give_rights(settings, workspaces)
    stage.put_data(workspaces["dev"])
    for name in granted:
        if name.endswith("_SECRET"):
            file = settings / name
            file.touch(mode=0o600)
            file.write_text(granted[name])
    hosts = {name: workspace["host"] for name, workspace in workspaces.items()}
    text = stage.fill_configuration(hosts, granted)
    draft = settings / "causeway.yaml.new"
    draft.write_text(re.sub(r"\{env: (\w+)\}", lambda found: f'{{file: "{settings / found[1]}"}}', text))
    draft.replace(settings / "causeway.yaml")


if __name__ == "__main__":
    try:
        furnish(Path(sys.argv[1]), Path(sys.argv[2]))
    except ProgramFailed as failure:
        sys.exit(str(failure))
