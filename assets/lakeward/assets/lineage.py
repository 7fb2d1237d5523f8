"""Which Delta tables a dbt model reads, found in the `ref()` and `source()` calls of its SQL.

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
_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)


@lru_cache(maxsize=1)
def _models() -> dict[str, Path]:
    return {path.stem: path for path in project_path("dbt_project").glob("models/**/*.sql")}


@lru_cache(maxsize=512)
def tables_read_by(model: str) -> frozenset[str]:
    """Return the Delta tables behind a model: sources and stored models, through views."""
    path = _models().get(model)
    if path is None:
        return frozenset()  # a seed
    # a `ref()` in a comment is no dependency
    sql = _COMMENT.sub(" ", path.read_text(encoding="utf-8"))
    tables: set[str] = set()
    derived = relations()
    for name in _SOURCE.findall(sql):
        tables |= derived[name].tables() if name in derived else {name}
    stored = load_contracts()
    for name in _REF.findall(sql):
        # staging and intermediate models are views, not assets: what they read counts instead
        tables |= {name} if name in stored else tables_read_by(name)
    return frozenset(tables)
