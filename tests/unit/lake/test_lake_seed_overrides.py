"""Rows that a site sets in seeds are checked line by line; they replace packaged ones by grain."""

from pathlib import Path

import duckdb
import pytest

from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of
from lakeward.core.paths import project_path
from lakeward.core.settings import Settings
from lakeward.lake.seed_overrides import apply_overrides, overridable_seeds, read_overrides

HEAD = "source_system,code_map,from_code,to_code,origin,reason\n"
SOURCES = ("adt_hl7", "ehr_fhir")
SEEDS = project_path("dbt_project") / "seeds"
BEDS = "code_map_bed_status.csv"


def _config(settings: Settings, name: str, content: str | bytes) -> None:
    path = settings.home.config / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_home_without_config_sets_nothing(settings: Settings) -> None:
    assert read_overrides(settings.home, SOURCES) == ()


def test_rows_are_read_with_the_hash_of_their_file(settings: Settings) -> None:
    text = HEAD + 'adt_hl7,bed_status,"DIRTY, WET",H,local,their own word\n\n'
    _config(settings, BEDS, b"\xef\xbb\xbf" + text.encode())
    _config(settings, ".~lock." + BEDS, "an editor leaves this")
    (override,) = read_overrides(settings.home, SOURCES)
    assert override.rows == (
        ("adt_hl7", "bed_status", "DIRTY, WET", "H", "local", "their own word"),
    )
    assert override.stamp == ("code_map_bed_status " + sha256_of(b"\xef\xbb\xbf" + text.encode()))


@pytest.mark.parametrize(
    ("name", "content", "where", "problem"),
    [
        ("code_map_bed.csv", HEAD, "config/code_map_bed.csv", "is no seed that a site sets"),
        ("event_type.csv", "", "config/event_type.csv", "is no seed that a site sets"),
        ("authority.xlsx", "", "config/authority.xlsx", "is no seed that a site sets"),
        (BEDS, "from_code,to_code\n", f"config/{BEDS}", "its first line is another one"),
        (BEDS, "", f"config/{BEDS}", "its first line is another one"),
        (BEDS, HEAD.encode() + b"\xff", f"config/{BEDS}", "is not UTF-8"),
        (BEDS, HEAD + "*,bed_status,Zq,H,local\n", f"config/{BEDS} line 2", "has 5 columns"),
        (BEDS, HEAD + '*,bed_status,"Zq"x,H,local,\n', f"config/{BEDS} line 2", "no line of CSV"),
        (BEDS, HEAD + "*,bed_status,Zq,Zq,local,a\n", f"config/{BEDS} line 2", "to_code"),
        (BEDS, HEAD + "*,bed,Zq,H,local,a\n", f"config/{BEDS} line 2", "code_map"),
        (BEDS, HEAD + "Zq,bed_status,X,H,local,a\n", f"config/{BEDS} line 2", "source_system"),
        (BEDS, HEAD + "*,bed_status,Zq,H,Zq,a\n", f"config/{BEDS} line 2", "origin"),
        (BEDS, HEAD + "*,bed_status,,H,local,a\n", f"config/{BEDS} line 2", "from_code is empty"),
        (BEDS, HEAD + "*,bed_status,Zq ,H,local,a\n", f"config/{BEDS} line 2", "from_code"),
        (
            BEDS,
            HEAD + '*,bed_status,Zq,H,local,"two\nlines"\n*,bed_status,Zq,O,local,b\n',
            f"config/{BEDS} line 4",
            "states the same source_system, from_code as line 3",
        ),
        (
            "authority.csv",
            "object,element,feed,rank,rule,origin,reason\nvisit,schedule,fhir,1,exclusive,local,a\n",
            "config/authority.csv line 2",
            "has the same object, element, rank as another row",
        ),
        (
            "queue_type.csv",
            "queue_type,owning_team,sla_minutes,origin,reason\ntriage,ed,Zq,local,a\n",
            "config/queue_type.csv line 2",
            "sla_minutes",
        ),
        (
            "authority_default.csv",
            "source_system,object,authority,origin,reason\nadt_hl7,Zq,GEN,local,a\n",
            "config/authority_default.csv line 2",
            "object",
        ),
        (
            "identifier_kind.csv",
            "identifier_type,object,identifies,rank,origin,reason\nMC,patient,Zq,3,local,a\n",
            "config/identifier_kind.csv line 2",
            "identifies",
        ),
    ],
)
def test_what_cannot_be_is_named_by_file_and_line_and_not_by_value(
    settings: Settings, name: str, content: str | bytes, where: str, problem: str
) -> None:
    _config(settings, name, content)
    with pytest.raises(SpecError) as caught:
        read_overrides(settings.home, SOURCES)
    assert caught.value.where == where
    assert problem in caught.value.what
    assert caught.value.expected
    assert caught.value.remedy
    assert "Zq" not in str(caught.value)


def test_two_feeds_change_places_when_both_rows_are_set(settings: Settings) -> None:
    head = "object,element,feed,rank,rule,origin,reason\n"
    rows = "visit,schedule,fhir,1,exclusive,local,a\nvisit,schedule,siu,2,exclusive,local,a\n"
    _config(settings, "authority.csv", head + rows)
    (override,) = read_overrides(settings.home, SOURCES)
    assert [row[2:4] for row in override.rows] == [("fhir", "1"), ("siu", "2")]


def test_every_packaged_row_could_be_a_row_of_a_site(settings: Settings) -> None:
    for seed in overridable_seeds().values():
        source = (SEEDS / f"{seed.name}.csv").read_bytes()
        _config(settings, f"{seed.name}.csv", source)
    # of interfaces that this home does not have
    found = read_overrides(settings.home)
    assert {override.seed for override in found} == set(overridable_seeds())
    assert all(len(o.rows) == len(overridable_seeds()[o.seed].rows) for o in found)


def test_rows_replace_or_are_added_and_no_other_changes(settings: Settings, tmp_path: Path) -> None:
    header = "rule,object,from_states,clock,after_hours,within_hours,needs,event_type,flag,is_on"
    row = "stay_silent,stay,*,last_statement,48,,,,no_news,true,registration,ours"
    _config(settings, "inference_rule.csv", f"{header},owner,reason\n{row}\n")
    seed = overridable_seeds()["inference_rule"]
    with duckdb.connect(str(tmp_path / "catalogue.duckdb")) as connection:
        path = SEEDS / "inference_rule.csv"
        connection.execute(
            f"create table inference_rule as from read_csv('{path}', all_varchar=true)"
        )
        before = set(connection.execute("from inference_rule").fetchall())
    apply_overrides(tmp_path / "catalogue.duckdb", read_overrides(settings.home, SOURCES))
    with duckdb.connect(str(tmp_path / "catalogue.duckdb")) as connection:
        after = set(connection.execute("from inference_rule").fetchall())
    assert len(after) == len(before) == len(seed.rows)
    (changed,) = after - before
    assert changed == tuple(value or None for value in row.split(","))
    assert {r[0] for r in before - after} == {"stay_silent"}
