"""Which Delta tables a dbt model reads, found in the `ref()` and `source()` calls of its SQL.

A macro reads tables too: the calls in the macros that a model uses count as its own.

Read from the files: parsing the project with dbt takes seconds and would be paid at each load of
the code location. A repository test holds the result equal to dbt's own manifest.
"""

import re
from functools import lru_cache
from pathlib import Path

from lakeward.contracts import load_contracts
from lakeward.core.paths import project_path
from lakeward.lake.relations import relations

_REF = re.compile(r"""\bref\(\s*['"](\w+)['"]\s*\)""")
_SOURCE = re.compile(r"""\bsource\(\s*['"]\w+['"]\s*,\s*['"](\w+)['"]\s*\)""")
_MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\s*\(.*?%\}(.*?)\{%-?\s*endmacro", re.DOTALL)
_CALL = re.compile(r"\b(\w+)\s*\(")
_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)


@lru_cache(maxsize=1)
def _models() -> dict[str, Path]:
    return {path.stem: path for path in project_path("dbt_project").glob("models/**/*.sql")}


@lru_cache(maxsize=1)
def _macros() -> dict[str, str]:
    """Return the body of each macro by its name; a dispatched one under both its names."""
    found: dict[str, str] = {}
    for path in project_path("dbt_project").glob("macros/**/*.sql"):
        for name, body in _MACRO.findall(_COMMENT.sub(" ", path.read_text(encoding="utf-8"))):
            for called in {name, name.removeprefix("duckdb__")}:
                found[called] = found.get(called, "") + body
    return found


def _with_macros(sql: str) -> str:
    """Return the SQL followed by the body of every macro it uses, directly or through another."""
    macros = _macros()
    used: set[str] = set()
    pending = [sql]
    while pending:
        called = {name for name in _CALL.findall(pending.pop()) if name in macros} - used
        used |= called
        pending += [macros[name] for name in called]
    return " ".join((sql, *(macros[name] for name in sorted(used))))


@lru_cache(maxsize=512)
def tables_read_by(model: str) -> frozenset[str]:
    """Return the Delta tables behind a model: sources and stored models, through views."""
    path = _models().get(model)
    if path is None:
        return frozenset()  # a seed
    # a `ref()` in a comment is no dependency
    sql = _with_macros(_COMMENT.sub(" ", path.read_text(encoding="utf-8")))
    tables: set[str] = set()
    derived = relations()
    for name in _SOURCE.findall(sql):
        tables |= derived[name].tables() if name in derived else {name}
    stored = load_contracts()
    for name in _REF.findall(sql):
        # staging and intermediate models are views, not assets: what they read counts instead
        tables |= {name} if name in stored else tables_read_by(name)
    return frozenset(tables)
