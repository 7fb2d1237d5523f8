"""Who is one patient: `tests/golden/patient_identity`, and the graph of identifiers against Python.

What each record of the golden states is in its README.
"""

import random
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from canonical_folds import VARIABLES, build_canonical, csv_text, load_landed

from dbt_rendering import Renderer
from lakeward.core.settings import load_settings
from lakeward.identity.decisions import DECISION
from lakeward.lake.query import Connection
from lakeward.lake.tables import Lake, arrow_schema, write

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "patient_identity"
DAYS = ("2026-01-05", "2026-01-06")

QUERIES = {
    "patients": """
        select p.mrn, p.family_name, p.given_names, p.record_status,
            s.family_name as merged_into, p.is_deceased, p.quality_flags
        from canonical__patient p
        left join canonical__patient s on s.patient_key = p.merged_into_patient_key
        order by p.family_name, p.mrn, p.given_names""",
    "identifiers": """
        select i.identifier_value, i.identifier_authority, i.identifier_type, p.family_name,
            i.is_merged, i.is_identifying, i.quality_flags
        from canonical__patient_identifier i
        left join canonical__patient p on p.patient_key = i.patient_key
        where i.identifier_type <> 'FHIR'
        order by 1, 2, 3, 4""",
    "merges": """
        select p.family_name as prior, s.family_name as survivor, p.mrn as prior_mrn,
            s.mrn as surviving_mrn, m.state, m.is_in_question, m.decision, m.source_trigger,
            m.quality_flags
        from canonical__patient_merge m
        left join canonical__patient p on p.patient_key = m.prior_patient_key
        left join canonical__patient s on s.patient_key = m.surviving_patient_key
        order by all""",
    "visits": """
        select v.visit_number, p.family_name, v.main_state
        from canonical__visit v
        left join canonical__patient p on p.patient_key = v.patient_key
        order by 1, 2""",
}


TABLES = [f"canonical__patient{part}" for part in ("", "_identifier", "_merge")]
TABLES += ["canonical__visit"]


def delivered(home: Path, days: Sequence[str]) -> Connection:
    """Load the days in the order given, one after the other, and build the canonical tables."""
    landing = load_settings(home).home.landing
    for day in days:
        for folder in (GOLDEN / "input").glob(f"*/{day}"):
            place = landing / folder.parent.name / day
            shutil.copytree(folder, place)
            (place / "_COMPLETE").touch()
        load_landed(home, date.fromisoformat(DAYS[-1]))
    return build_canonical(home, VARIABLES, *TABLES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("identity") / "home"


@pytest.fixture(scope="module")
def built(home: Path) -> Connection:
    return delivered(home, DAYS)


def rows(connection: Connection, query: str) -> list[list[str]]:
    relation = connection.sql(query)
    names = ", ".join(f"coalesce(cast(\"{c}\" as varchar), '')" for c in relation.columns)
    found = connection.sql(f"select {names} from ({query})").fetchall()
    return [list(relation.columns), *([str(value) for value in row] for row in found)]


@pytest.mark.parametrize("table", QUERIES)
def test_identity_gives_the_golden_rows(
    built: Connection, table: str, golden: Callable[[Path, str], None]
) -> None:
    golden(GOLDEN / "expected" / f"{table}.csv", csv_text(rows(built, QUERIES[table])))


def test_order_of_delivery_changes_no_key(built: Connection, tmp_path: Path) -> None:
    backwards = delivered(tmp_path / "home", DAYS[::-1])
    for table in ("patient", "patient_identifier", "patient_merge"):
        query = f"select * from canonical__{table} order by all"
        assert rows(backwards, query) == rows(built, query), table


def test_a_registrar_takes_a_merge_back_and_applies_it_again(built: Connection, home: Path) -> None:
    [(merge_key,)] = built.sql(
        "select merge_key from canonical__patient_merge where is_in_question"
    ).fetchall()
    visit_of = """
        select p.given_names, p.quality_flags from canonical__visit v
        inner join canonical__patient p on p.patient_key = v.patient_key
        where v.visit_number = 'V5'"""
    assert built.sql(visit_of).fetchall() == [("Eva", ["merge_conflict"])]
    found = []
    for sequence, decision in enumerate(["undo", "apply"], 1):
        entry = {
            "sequence": sequence,
            "merge_key": merge_key,
            "decision": decision,
            "at": datetime(2026, 1, 7, sequence, tzinfo=UTC),
            "principal": "registrar",
            "because": "asked both",
        }
        table = pa.Table.from_pylist([entry], schema=arrow_schema(DECISION))
        write(Lake(load_settings(home).home.lake), DECISION, table, mode="append")
        decided = build_canonical(home, VARIABLES, *TABLES)
        found += decided.sql(visit_of).fetchall()
    assert [given for given, _ in found] == ["Eve", "Eva"]
    assert all("merge_conflict" not in flags for _, flags in found)


IDENTIFIER = (
    "record_ref text, part text, resource_id text, statement_order text, first_order text,"
    " identifier_text text, identifier_authority text, identifier_type text,"
    " identifier_value text, is_old boolean, is_identifying boolean, kind_rank integer"
)
PROFILE = (
    "record_ref text, statement_order text, birth_date text, administrative_sex text,"
    " given_name text"
)
MERGE = (
    "merge_ref text, prior_record_ref text, prior_part text, surviving_record_ref text,"
    " is_of_resource boolean, statement_order text"
)


def aliases(
    records: Iterable[tuple[int, Sequence[int]]], profiles: Mapping[int, tuple[str, str, str]]
) -> dict[int, tuple[str, bool]]:
    """Run int__patient_alias over records (order, numbers); profiles by order.

    Returns the key of each number and whether it is in doubt.
    """
    identifiers = [
        (f"r{order}", "own", None, f"{order:03}", f"{order:03}", f"H|MR|{n:03}", "H", "MR",
         f"{n:03}", False, True, 1)
        for order, numbers in records
        for n in numbers
    ]  # fmt: skip
    stated = [(f"r{order}", f"{order:03}", *profiles[order]) for order in profiles]
    with duckdb.connect() as connection:
        connection.execute("create macro key_namespace() as from_hex('00')")
        tables = (
            ("int__patient_identifier", IDENTIFIER, identifiers),
            ("int__patient_profile", PROFILE, stated),
            ("int__patient_merge_statement", MERGE, []),
        )
        for table, columns, values in tables:
            connection.execute(f"create table {table} ({columns})")
            for row in values:
                marks = ", ".join("?" for _ in row)
                connection.execute(f"insert into {table} values ({marks})", list(row))
        sql = Renderer("duckdb", {}).render("int__patient_alias")
        found = connection.execute(
            f"select identifier_text, own_patient_key, is_contested or is_conflict from ({sql})"
        ).fetchall()
    return {int(text[-3:]): (key, in_doubt) for text, key, in_doubt in found}


def persons(records: Iterable[tuple[int, Sequence[int]]]) -> set[frozenset[int]]:
    """Join numbers that a record states together, in plain Python."""
    groups: list[set[int]] = []
    for _, numbers in records:
        joined = set(numbers).union(*(group for group in groups if group & set(numbers)))
        groups = [group for group in groups if not group & joined] + [joined]
    return {frozenset(group) for group in groups}


def grouped(found: Mapping[int, tuple[str, bool]]) -> set[frozenset[int]]:
    keys = {key for key, _ in found.values()}
    return {frozenset(n for n, (key, _) in found.items() if key == each) for each in keys}


@pytest.mark.parametrize("seed", range(12))
def test_numbers_stated_together_are_one_person_in_any_order(seed: int) -> None:
    choice = random.Random(seed)
    records = [
        (order, choice.sample(range(20), choice.choice([1, 2, 2, 3]))) for order in range(14)
    ]
    found = aliases(records, {})
    assert grouped(found) == persons(records)
    assert not any(in_doubt for _, in_doubt in found.values())
    shuffled = [(order, choice.sample(numbers, len(numbers))) for order, numbers in records]
    choice.shuffle(shuffled)
    assert aliases(shuffled, {}) == found


@pytest.mark.parametrize("seed", range(6))
def test_a_key_survives_whatever_is_stated_later(seed: int) -> None:
    choice = random.Random(seed)
    records = [(order, choice.sample(range(30), 2)) for order in range(8)]
    before = aliases(records, {})
    new = [(8 + step, [choice.choice(list(before)), 30 + step]) for step in range(5)]
    after = aliases([*records, *new], {})
    assert {n: after[n] for n in before} == before


def test_numbers_of_two_people_are_never_joined_and_are_in_doubt() -> None:
    ann, bob = ("1950-01-01", "female", "ann"), ("1990-01-01", "male", "bob")
    shared = aliases([(0, [1, 9]), (1, [2, 9])], {0: ann, 1: bob})
    assert len({key for key, _ in shared.values()}) == 3
    assert shared[9][1]
    chain = aliases([(0, [1, 2]), (1, [2, 3]), (2, [3, 4])], {0: ann, 2: bob})
    assert chain[1][0] != chain[4][0]
    assert any(in_doubt for _, in_doubt in chain.values())


def test_a_birth_date_or_a_name_that_is_corrected_is_no_other_person() -> None:
    corrected = ("1951-01-01", "female", "ann")
    renamed = ("1950-01-01", "female", "anna")
    for later in (corrected, renamed):
        found = aliases([(0, [1, 2]), (1, [2, 3])], {0: ("1950-01-01", "female", "ann"), 1: later})
        assert len({key for key, _ in found.values()}) == 1


def test_a_number_stated_with_many_others_identifies_nobody() -> None:
    found = aliases([(n, [99, n]) for n in range(30)], {})
    assert found[99][1]
    assert len({key for key, _ in found.values()}) == 31
