"""The house rules as functions: each takes one parsed file and yields what breaks it, as `file:line what`."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import Problem

MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 40
EMPTY_NAMES = {"util", "utils", "common", "core", "helper", "helpers", "service", "services", "manager", "managers"}
EMPTY_CLASSES = ("Service", "Repository", "Manager", "Helper")

# In pieces, so that this file does not name them itself.
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/" + r"work\b")
REGISTRY_HOST = re.compile("pypi" + r"\.org|python" + r"hosted\.org|registry\." + r"npmjs\.|deb\." + r"debian\.org")
BARE_IGNORE = re.compile(r"#\s*type:\s*" + r"ignore(?!\[)")
LEFT_OVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")


@dataclass(frozen=True)
class Source:
    """A Python file: its path in the repository, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module


def parse(path: Path, text: str) -> Source:
    return Source(path, text, ast.parse(text))


def long_file(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > MOST_LINES_OF_A_FILE:
        yield f"{source.path}: {lines} lines"


def long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield f"{source.path}:{node.lineno} {node.name} has {lines} lines"


def empty_module_name(source: Source) -> Iterator[str]:
    for part in source.path.with_suffix("").parts:
        if part.strip("_") in EMPTY_NAMES:
            yield f"{source.path}: {part} says nothing about what is inside"


def imports_inside_functions(source: Source) -> Iterator[str]:
    for function in ast.walk(source.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield f"{source.path}:{node.lineno} import inside {function.name}"


def missing_docstrings(source: Source) -> Iterator[str]:
    """The module itself, its public functions and its public classes."""
    if not ast.get_docstring(source.tree):
        yield f"{source.path}:1 the module has no docstring"
    for node in source.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{source.path}:{node.lineno} {node.name} has no docstring"


def empty_classes(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_CLASSES):
            yield f"{source.path}:{node.lineno} {node.name}: write functions in a module named after a noun"


def abstract_bases(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        if "abc" in modules:
            yield f"{source.path}:{getattr(node, 'lineno', 0)} imports abc"


def forbidden_words(path: Path, text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if found := pattern.search(line):
            yield f"{path}:{number} {found.group()}"


def lock_mistakes(text: str) -> Iterator[str]:
    """Every requirement is pinned and hashed, and no line says where it comes from."""
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        first = requirement.splitlines()[0].removesuffix("\\").strip()
        if "://" in requirement or first.startswith("-"):
            yield f"{first} gives an address or an option"
        elif "==" not in first or "--hash=sha256:" not in requirement:
            yield f"{first} is not pinned by version and hash"


def problem_classes(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every class of the tree below `kind`."""
    for child in kind.__subclasses__():
        yield child
        yield from problem_classes(child)


def template_fields(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


def sentences(template: str) -> int:
    """How many sentences the template makes; a `{message}` that opens it is a sentence handed through."""
    words = re.sub(r"^\{message\}", "Message.", template)
    return len(re.findall(r"[.!?]\)?(?=\s|$)", re.sub(r"\{\w+\}", "field", words)))


def problems_raised_without_a_field(source: Source, catalogue: Mapping[str, type[Problem]]) -> Iterator[str]:
    """Calls of a problem's class that leave out a field which its text names; `catalogue` is by class name."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg for keyword in node.keywords}
        if name in catalogue and None not in given:
            for field in sorted(template_fields(catalogue[name].template) - given):
                yield f"{source.path}:{node.lineno} {name} without {field}"
