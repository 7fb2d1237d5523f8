"""Models that follow a chain without recursion, against plain Python.

Each model runs by itself, over hand-written tables.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pytest

from dbt_rendering import Renderer

STEPS = 32
"""How far the doublings reach, as the models say."""

SEEDS = range(20)


def rows_of(
    model: str, tables: Mapping[str, tuple[str, Iterable[Sequence[object]]]]
) -> list[tuple[Any, ...]]:
    """Run a model over tables, each given by its columns and its rows."""
    with duckdb.connect() as connection:
        for table, (columns, rows) in tables.items():
            connection.execute(f"create table {table} ({columns})")
            for row in rows:
                marks = ", ".join("?" for _ in row)
                connection.execute(f"insert into {table} values ({marks})", list(row))
        sql = Renderer("duckdb", {"master_shrink_limit": 0.2}).render(model)
        return connection.execute(sql).fetchall()


def pairs(choice: random.Random, count: int, below: int) -> list[tuple[int, int]]:
    """Draw pairs of two different numbers."""
    drawn = [(choice.randrange(below), choice.randrange(below)) for _ in range(count)]
    return [(one, other) for one, other in drawn if one != other]


def key(number: int) -> str:
    return f"00000000-0000-5000-8000-{number:012}"


def survivors(merges: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Run int__patient_survivor over merges (prior, surviving), stated in this order."""
    rows = [(key(a), key(b), f"{n:091}", True) for n, (a, b) in enumerate(merges)]
    columns = "prior_own_key text, surviving_own_key text, statement_order text, is_applied boolean"
    found = rows_of("int__patient_survivor", {"int__patient_merge": (columns, rows)})
    return {int(a[24:]): int(b[24:]) for a, b in found}


def walked(merges: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Follow each key to the end of its chain; in a cycle, to where its latest merge leads."""
    latest = {prior: (order, survivor) for order, (prior, survivor) in enumerate(merges)}
    ends = {}
    for start in latest:
        at, seen = start, list[int]()
        while at in latest and at not in seen:
            seen.append(at)
            at = latest[at][1]
        if at in seen:
            at = max(latest[k] for k in seen[seen.index(at) :])[1]
        if at != start:
            ends[start] = at
    return ends


def test_a_chain_of_merges_is_followed_for_sixteen_hops() -> None:
    chain = [(n, n + 1) for n in range(STEPS)]
    assert survivors(chain) == dict.fromkeys(range(STEPS), STEPS)


def test_a_longer_chain_ends_at_its_latest_merge() -> None:
    chain = [(n, n + 1) for n in range(2 * STEPS)]
    assert survivors(chain) == dict.fromkeys(range(2 * STEPS), 2 * STEPS)


@pytest.mark.parametrize("shift", range(3))
def test_the_survivor_of_the_latest_merge_stays_in_a_cycle(shift: int) -> None:
    cycle = [(1, 2), (2, 3), (3, 1)]
    merges = [(9, 1), *cycle[shift:], *cycle[:shift]]
    last = merges[-1][1]
    assert survivors(merges) == {n: last for n in (1, 2, 3, 9) if n != last}


@pytest.mark.parametrize("seed", SEEDS)
def test_survivors_are_those_of_a_walk_and_no_survivor_has_one_itself(seed: int) -> None:
    choice = random.Random(seed)
    merges = pairs(choice, count=14, below=12)
    found = survivors(merges)
    assert found == walked(merges)
    assert not found.keys() & set(found.values())


def first_numbers(renumberings: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Run int__visit_alias over renumberings (new, prior); a lower number was stated first."""
    visits = [
        ("ADT", "A50", "F", f"{new:03}", "F", f"{prior:03}", f"{min(new, prior):091}")
        for new, prior in renumberings
    ]
    visits += [
        ("ADT", "A08", "F", f"{n:03}", None, None, f"{n:091}")
        for n in {n for pair in renumberings for n in pair}
    ]
    columns = (
        "message_type text, trigger_event text, visit_number_authority text, visit_number text,"
        " prior_visit_authority text, prior_visit_number text, statement_order text,"
        " visit_number_text text as (visit_number_authority || '|' || visit_number),"
        " prior_text text as (prior_visit_authority || '|' || prior_visit_number),"
        " alternate_text text as (cast(null as text)), preadmit_text text as (cast(null as text)),"
        " patient_key text as ('one')"
    )
    trigger_columns = "message_type text, trigger_event text, effect text"
    tables = {
        "int__message_number": (columns, visits),
        "trigger_event": (trigger_columns, [("ADT", "A50", "visit_renumber")]),
    }
    return {int(n): int(first) for _, n, _, first in rows_of("int__visit_alias", tables)}


def grouped(renumberings: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Find the lowest number that each one is connected with."""
    lowest = {n: n for pair in renumberings for n in pair}
    for _ in lowest:
        for one, other in renumberings:
            lowest[one] = lowest[other] = min(lowest[one], lowest[other])
    return lowest


def test_a_chain_of_visit_numbers_is_followed_for_sixteen_steps() -> None:
    chain = [(n + 1, n) for n in range(STEPS)]
    assert first_numbers(chain) == dict.fromkeys(range(STEPS + 1), 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_one_visit_share_the_one_stated_first(seed: int) -> None:
    choice = random.Random(seed)
    renumberings = pairs(choice, count=12, below=16)
    assert first_numbers(renumberings) == grouped(renumberings)


ENTRY = (
    "source_system text, sender text, master text, received bigint, statement_order text,"
    " recorded_at timestamptz, source_ref text, file_event text, record_event text,"
    " record_id text"
)


def replacements(
    files: Sequence[tuple[str, Sequence[tuple[str, str]]]],
) -> list[tuple[int, int, int, bool]]:
    """Run int__master_file over files, each REP or UPD with its (event, record) entries.

    Returns received, records, records before and whether it was blocked, of each replacement.
    """
    entries = [
        (kind, event, record, received)
        for received, (kind, records) in enumerate(files)
        for event, record in records
    ]
    rows = [
        ("s", "f", "location", received, f"{n:091}", None, "", kind, event, record)
        for n, (kind, event, record, received) in enumerate(entries)
    ]
    found = rows_of("int__master_file", {"stg_hl7v2__master_entry": (ENTRY, rows)})
    return sorted((row[3], *row[7:]) for row in found)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replacement_is_compared_with_the_last_one_applied(seed: int) -> None:
    choice = random.Random(seed)
    files = list[tuple[str, list[tuple[str, str]]]]()
    expected = list[tuple[int, int, int, bool]]()
    size, present = 0, set[str]()
    for received in range(30):
        if choice.random() < 0.7:
            count = choice.choice([1, 3, 4, 5, 5, 8, 9, 10])  # 4 of 5 and 8 of 10: on the limit
            files.append(("REP", [("MAD", f"r{n}") for n in range(count)]))
            is_blocked = 10 * count < 8 * size
            expected.append((received, count, size, is_blocked))
            size = size if is_blocked else count
            continue
        event, record = choice.choice(["MAD", "MUP", "MDL"]), f"c{choice.randrange(6)}"
        files.append(("UPD", [(event, record)]))
        size += (event != "MDL") - (record in present)
        (present.discard if event == "MDL" else present.add)(record)
    assert replacements(files) == expected
