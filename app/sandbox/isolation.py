"""What a forked process does first, before it runs anybody's code: forget the sandbox, see only its own.

The forkserver has imported far more than one task declares; here that is put out of reach again.
"""

import multiprocessing
import os
import signal
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from multiprocessing import connection
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Spec:
    """How to isolate a process. Plain values, because they travel through a pipe."""

    folder: Path
    environment: Mapping[str, str]
    refused: frozenset[str]
    unpacked: frozenset[str] = field(default_factory=frozenset)


def isolate(spec: Spec) -> None:
    """Turns this process into one that holds nothing of the sandbox's. To be called once, before any work."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _redirect(spec.folder / "output")
    home = spec.folder / "home"
    os.environ.clear()
    os.environ.update({"HOME": str(home), "TMPDIR": str(home / "tmp"), **spec.environment})
    tempfile.tempdir = None
    os.chdir(home)
    sys.argv = [""]
    _limit_imports(spec)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # every fork would else draw the same numbers


class RefusingFinder:
    """A meta-path finder that knows what is installed here but was not declared."""

    def __init__(self, refused: frozenset[str]) -> None:
        self.refused = refused

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError for an undeclared module; leaves every other to the finders behind."""
        top = name.partition(".")[0]
        if top in self.refused:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)
        return None


def _end_with_parent() -> None:
    """Ends the process group once the sandbox is gone, however it went; the forkserver would leave us behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _redirect(output: Path) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _limit_imports(spec: Spec) -> None:
    """Leaves the standard library and the declared distributions; wheels of the task go before both."""
    kept = {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}
    kept.add(sysconfig.get_config_var("DESTSHARED"))  # the standard library's compiled part
    sys.path[:] = [str(spec.folder / "site"), *(path for path in sys.path if path in kept)]
    hidden = spec.refused | spec.unpacked | {"app"}
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        del sys.modules[name]
    sys.meta_path.insert(0, RefusingFinder((spec.refused | {"app"}) - spec.unpacked))
    sys.path_importer_cache.clear()
