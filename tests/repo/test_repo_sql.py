"""SQL of the dbt project is for two engines; what one alone has is a macro with a body for each."""

import re
from pathlib import Path

import pytest
import yaml
from checkout import ROOT

PROJECT = ROOT / "dbt_project"
ENGINE = PROJECT / "macros" / "engine"
MODELS = sorted(PROJECT.glob("models/**/*.sql"))
MACROS = sorted(PROJECT.glob("macros/*.sql"))
ENGINE_MACROS = sorted(ENGINE.glob("*.sql"))
DESCRIBED = yaml.safe_load((ENGINE / "_macros.yml").read_text())["macros"]

COLUMNS = 110
OF_ONE_ENGINE = {
    "the type varchar (write string)": r"\bvarchar\b",
    "a type of an instant (write instant_type())": r"\btimestamp\s+with\s+time\b|\btimestamptz\b",
    "recursion": r"\bwith\s+recursive\b",
    "a decimal in a division (exact on Spark, a double on DuckDB)": r"/\s*\d+\.\d|\d\.\d+\s*/",
    "ignore nulls (write first_known())": r"\bignore\s+nulls\b",
    "qualify": r"\bqualify\b",
    "group by all": r"\bgroup\s+by\s+all\b",
    "a cast by ::": r"::",
    "a division by //": r"//",
    "* exclude or * replace": r"\*\s*(?:exclude|replace)\b",
    "a JSON arrow": r"->>?",
    "arg_max or arg_min (write latest_by() or earliest_by())": r"\barg_(?:max|min)\b",
    "strftime": r"\bstrftime\b",
    "using (Sail finds no qualified column after it)": r"\busing\s*\(",
    "a lambda": r"\blambda\b",
    "an interval": r"\binterval\s+'",
    "a list or array function": r"\b(?:list|array)_\w+\s*\(|\bunnest\s*\(",
}
_NOT_SQL = re.compile(r"\{#.*?#\}|--[^\n]*|https?://\S+", re.DOTALL)


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", [*MODELS, *MACROS], ids=_name)
def test_no_model_and_no_plain_macro_holds_sql_of_one_engine(path: Path) -> None:
    sql = _NOT_SQL.sub(" ", path.read_text())
    found = [what for what, pattern in OF_ONE_ENGINE.items() if re.search(pattern, sql.lower())]
    assert not found, found


@pytest.mark.parametrize("path", [*MODELS, *MACROS, *ENGINE_MACROS], ids=_name)
def test_lines_are_no_longer_than_110_columns(path: Path) -> None:
    lines = enumerate(path.read_text().splitlines(), 1)
    assert [number for number, line in lines if len(line) > COLUMNS] == []


@pytest.mark.parametrize("path", ENGINE_MACROS, ids=_name)
def test_an_engine_macro_has_a_body_for_each_engine_and_none_by_default(path: Path) -> None:
    macros = re.findall(r"\{%-? macro (\w+)\(", path.read_text())
    assert macros == [path.stem, f"duckdb__{path.stem}", f"spark__{path.stem}"]
    assert f"adapter.dispatch('{path.stem}', 'lakeward')" in path.read_text()


def test_every_engine_macro_is_described_by_the_comment_of_its_file() -> None:
    comments = {
        path.stem: " ".join(path.read_text().split("-#}")[0].removeprefix("{#-").split())
        for path in ENGINE_MACROS
    }
    assert {macro["name"]: macro["description"] for macro in DESCRIBED} == comments
    assert [macro["name"] for macro in DESCRIBED] == sorted(comments)
