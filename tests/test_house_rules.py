"""Does the whole tree keep the house rules, and does each rule find a break of it?"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from app import errors
from tests import house_rules
from tests.house_rules import Source

ROOT = Path(__file__).resolve().parents[1]
EVERYWHERE = ("app", "jobs", "tests", "migrations")
SHIPPED = ("app", "jobs")
# All read the same files, once.
pytestmark = pytest.mark.xdist_group("house rules")
LONG_FUNCTION = "def long():\n" + "    print()\n" * 40

# What each rule must find, where, and a text that breaks it.
BREAKS = [
    (house_rules.long_file, "app/domain/shares.py", "x = 1\n" * 301),
    (house_rules.long_functions, "app/domain/shares.py", LONG_FUNCTION),
    (house_rules.long_functions, "app/domain/shares.py", "async " + LONG_FUNCTION),
    (house_rules.empty_module_name, "app/domain/utils.py", ""),
    (house_rules.empty_module_name, "app/services/shares.py", ""),
    (house_rules.imports_inside_functions, "app/domain/shares.py", "def f():\n    if True:\n        import json\n"),
    (house_rules.missing_docstrings, "app/domain/shares.py", ""),
    (house_rules.missing_docstrings, "app/domain/shares.py", '"""Doc."""\nasync def ensure() -> None: ...\n'),
    (house_rules.missing_docstrings, "app/domain/shares.py", '"""Doc."""\nclass Share: ...\n'),
    (house_rules.empty_classes, "app/domain/shares.py", "class ShareService: ...\n"),
    (house_rules.empty_classes, "app/domain/shares.py", "class ShareRepository: ...\n"),
    (house_rules.abstract_bases, "app/domain/shares.py", "from abc import ABC\n"),
    (house_rules.abstract_bases, "app/domain/shares.py", "import abc\n"),
]
WORDS = [
    ("a path of one machine", house_rules.MACHINE_PATH, "open('/wor" + "k/main/x')"),
    ("a package registry's host", house_rules.REGISTRY_HOST, "https://py" + "pi.org/simple"),
    ("an ignored type without a code", house_rules.BARE_IGNORE, "x = 1  # type: ig" + "nore"),
    ("something left to do", house_rules.LEFT_OVER, "# TO" + "DO: later"),
]


def test_files_have_at_most_300_lines() -> None:
    keeps(house_rules.long_file, EVERYWHERE)


def test_functions_have_at_most_40_lines() -> None:
    keeps(house_rules.long_functions, EVERYWHERE)


def test_modules_are_named_after_what_is_in_them() -> None:
    keeps(house_rules.empty_module_name, EVERYWHERE)


def test_imports_stand_at_the_top_of_the_file() -> None:
    keeps(house_rules.imports_inside_functions, EVERYWHERE)


def test_modules_public_functions_and_public_classes_have_a_docstring() -> None:
    keeps(house_rules.missing_docstrings, SHIPPED)


def test_no_class_is_a_service_a_repository_or_a_manager() -> None:
    keeps(house_rules.empty_classes, SHIPPED)


def test_no_class_is_an_abstract_base() -> None:
    keeps(house_rules.abstract_bases, EVERYWHERE)


@pytest.mark.parametrize(("rule", "path", "text"), BREAKS, ids=[rule.__name__ for rule, *_ in BREAKS])
def test_a_rule_finds_what_breaks_it(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(house_rules.parse(Path(path), text)))


@pytest.mark.parametrize(("what", "pattern", "planted"), WORDS, ids=[what for what, *_ in WORDS])
def test_nothing_committed_names(what: str, pattern: re.Pattern[str], planted: str) -> None:
    assert list(house_rules.forbidden_words(Path("planted"), planted, pattern))
    found = [hit for path, text in committed_texts() for hit in house_rules.forbidden_words(path, text, pattern)]
    assert not found, report(f"committed files name {what}", found)


def test_the_lock_pins_and_hashes_everything_and_holds_no_address() -> None:
    found = list(house_rules.lock_mistakes((ROOT / "requirements.lock").read_text()))
    assert not found, report("requirements.lock", found)


@pytest.mark.parametrize("line", ["x==1", "x>=1 \\\n    --hash=sha256:0", "--index-url a", "x @ https://a/x.whl"])
def test_a_lock_with_a_loose_requirement_is_found(line: str) -> None:
    assert list(house_rules.lock_mistakes(f"a==1 \\\n    --hash=sha256:0\n{line}\n"))


def test_every_problem_says_its_code_status_title_and_template() -> None:
    lacking = [
        f"{kind.__name__}.{name}"
        for kind in concrete_problems()
        for name in ("code", "status", "title", "template")
        if not getattr(kind, name, None)
    ]
    assert not lacking, report("problems without", lacking)


def test_every_problem_is_exported_by_the_catalogue() -> None:
    names = {kind.__name__ for kind in house_rules.problem_classes()}
    assert names <= set(errors.__all__), report("not in errors.__all__", sorted(names - set(errors.__all__)))
    assert set(errors.catalogue().values()) == set(concrete_problems())


def test_problem_codes_are_unique() -> None:
    counted = Counter(kind.code for kind in concrete_problems())
    assert not [code for code, count in counted.items() if count > 1]


def test_problem_codes_are_kebab_case() -> None:
    odd = [kind.code for kind in concrete_problems() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)]
    assert not odd, report("not kebab-case", odd)


def test_problem_texts_are_two_sentences() -> None:
    odd = [f"{kind.code}: {kind.template}" for kind in concrete_problems() if house_rules.sentences(kind.template) != 2]
    assert not odd, report("not two sentences", odd)


def test_a_text_of_one_or_three_sentences_is_found() -> None:
    assert [house_rules.sentences(text) for text in ("It is {so}.", "One. Two.", "One. Two. {three}.")] == [1, 2, 3]


def test_problems_are_raised_with_every_field_of_their_text() -> None:
    classes = {kind.__name__: kind for kind in concrete_problems()}
    found = [
        hit for source in sources(("app",)) for hit in house_rules.problems_raised_without_a_field(source, classes)
    ]
    assert not found, report("raised without a field of the text", found)


def test_a_problem_raised_without_a_field_is_found() -> None:
    planted = house_rules.parse(Path("planted.py"), "raise errors.RouteNotFound(other=1)")
    classes = {"RouteNotFound": errors.RouteNotFound}
    assert list(house_rules.problems_raised_without_a_field(planted, classes)) == [
        "planted.py:1 RouteNotFound without path"
    ]


def keeps(rule: Callable[[Source], Iterator[str]], folders: tuple[str, ...]) -> None:
    found = [hit for source in sources(folders) for hit in rule(source)]
    assert not found, report(rule.__name__.replace("_", " "), found)


def report(what: str, found: Iterable[str]) -> str:
    return f"{what}:\n  " + "\n  ".join(found)


def concrete_problems() -> list[type[errors.Problem]]:
    """Every problem that can be answered: the leaves, not the branches that only group them."""
    return [kind for kind in house_rules.problem_classes() if not kind.__subclasses__() or "code" in vars(kind)]


@cache
def sources(folders: tuple[str, ...]) -> list[Source]:
    files = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [house_rules.parse(path.relative_to(ROOT), path.read_text()) for path in files]


@cache
def committed_texts() -> list[tuple[Path, str]]:
    """Every committed file that is text, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = []
    for name in filter(None, listed.split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if b"\0" not in content:
            texts.append((Path(name), content.decode(errors="replace")))
    return texts
