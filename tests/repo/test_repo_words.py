"""One language: the home-made words that the glossary replaced do not come back."""

import ast
import re

from checkout import Module

RETIRED = {
    "tell": "state, report, return, distinguish",
    "tells": "states, reports, returns, distinguishes",
    "told": "stated, reported, delivered",
    "telling": "statement, reporting",
    "retold": "repeated",
    "untold": "unreported",
    "anew": "again, rebuild",
    "aside": "rejected, quarantined",
    "standing": "effective, current, released",
    "met": "seen",
    "deed": "action",
    "deeds": "actions",
    "wish": "request",
    "wishes": "requests",
}
"""Each retired word with what to write instead; see docs/glossary.md."""

PROSE = {"", ".py", ".sql", ".md", ".yml", ".yaml", ".toml", ".j2", ".css", ".js", ".cfg"}
"""Endings of the files that people write; records, goldens and tables of codes are data."""

EXEMPT = {
    "docs/glossary.md",  # lists the words
    "tests/repo/test_repo_words.py",
    "LICENSE",
    "requirements.lock",
}

VALUES = re.compile(r"\bslot_told_(?:free|busy)\b")
"""Values in tables under contract, which keep their names."""

# `told_rank` and `is_standing` hold one of them, `outstanding` does not
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
FILE_TELL = re.compile(r"\bdef tell\(|\.tell\(\)")
VERBS = re.compile(r"^(Give|Gives|Giving)\b")


def test_no_retired_word_is_used(tracked: dict[str, str]) -> None:
    found = [
        f"{name}:{number} {word}: write {RETIRED[word]}"
        for name, text in tracked.items()
        if name not in EXEMPT and _suffix(name) in PROSE
        for number, line in enumerate(text.split("\n"), 1)
        for word in _words(line) & RETIRED.keys()
    ]
    assert not found, "\n".join(found)


def test_docstrings_begin_with_a_precise_verb(modules: list[Module]) -> None:
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [
        f"{module.path}:{node.lineno} {node.name}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, documented) and VERBS.match(ast.get_docstring(node) or "")
    ]
    assert not found, "write Return, Read, Yield, Build …:\n" + "\n".join(found)


def test_no_file_name_holds_a_retired_word(tracked: dict[str, str]) -> None:
    assert not [name for name in tracked if _words(name) & RETIRED.keys()]


def _words(line: str) -> set[str]:
    """Return the words of a line in lower case, without what Python and contracts name so."""
    return {match.lower() for match in WORD.findall(VALUES.sub("", FILE_TELL.sub("", line)))}


def _suffix(name: str) -> str:
    file = name.rpartition("/")[2]
    return f".{file.rpartition('.')[2]}" if "." in file else ""
