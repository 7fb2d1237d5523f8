"""Third-party exports and batches pass the whole night."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from lakeward.lake.query import connect
from lakeward.lake.release import history
from lakeward.lake.tables import Lake

DAY = date(2024, 1, 15)


def test_everything_found_is_stored_duplicate_or_quarantined(foreign: Path) -> None:
    with connect(Lake(foreign / "lake")) as connection:
        found = connection.execute(
            "select source, cast(sum(found) as bigint),"
            " cast(sum(stored + duplicate + quarantined) as bigint)"
            " from ledger group by source order by source"
        ).fetchall()
    assert found == [
        ("adt_hl7", 1771, 1771),
        ("ehr_fhir", 46337, 46337),
        ("orders_hl7", 194, 194),
    ]


def test_every_stored_record_has_an_effect_or_a_counted_reason(foreign: Path) -> None:
    with connect(Lake(foreign / "lake")) as connection:
        stored = connection.execute(
            "select source, resource_type, count(*) from raw_fhir__resource group by all"
            " union all select source, 'message', count(*) from raw_hl7v2__message group by all"
            " order by all"
        ).fetchall()
        accounted = connection.execute(
            "select source_system,"
            " case when source_system = 'ehr_fhir' then record_type else 'message' end as type,"
            " cast(sum(record_count) as bigint) from ("
            "  select source_system, record_type, 1 as record_count"
            "  from canonical__record_outcome where has_effect"
            "  union all"
            "  select source_system, record_type, record_count"
            "  from canonical__no_effect where part = 'record')"
            " group by all order by all"
        ).fetchall()
        unexplained = connection.execute(
            "select source_ref from canonical__record_outcome where outcome = 'unexplained'"
        ).fetchall()
    assert accounted == stored
    assert unexplained == []


@pytest.mark.parametrize(
    "table", ["canonical__patient", "canonical__visit", "canonical__visit_event"]
)
def test_both_formats_reach_the_canonical_store(foreign: Path, table: str) -> None:
    with connect(Lake(foreign / "lake")) as connection:
        systems = connection.execute(
            f'select distinct source_system from "{table}" order by 1'
        ).fetchall()
    assert {("adt_hl7",), ("ehr_fhir",)} <= set(systems)


@pytest.mark.parametrize(
    ("table", "source", "least", "filled"),
    [
        ("allergy", "ehr_fhir", 38, ["patient_key", "code", "display", "clinical_status"]),
        ("allergy", "adt_hl7", 100, ["patient_key", "code", "severity", "noted_at"]),
        ("medication", "ehr_fhir", 2000, ["patient_key", "code", "status", "authored_at"]),
        ("diagnostic_result", "ehr_fhir", 897, ["patient_key", "code", "result_status"]),
        ("diagnostic_result", "adt_hl7", 100, ["order_key", "patient_key", "resulted_at"]),
    ],
)
def test_facts_beside_visits_are_filled(
    foreign: Path,
    record_property: Callable[[str, object], None],
    table: str,
    source: str,
    least: int,
    filled: list[str],
) -> None:
    counts = ", ".join(f"count({name})" for name in filled)
    with connect(Lake(foreign / "lake")) as connection:
        found = connection.execute(
            f"select count(*), {counts} from canonical__{table} where source_system = ?", [source]
        ).fetchone()
    assert found is not None
    rows, *known = found
    shares = {
        name: f"{100 * n / max(rows, 1):.1f} %" for name, n in zip(filled, known, strict=True)
    }
    record_property("filled", f"canonical__{table} of {source}: {rows} rows, {shares}")
    assert rows >= least
    assert all(n > 0.9 * rows for n in known), shares


def test_all_contracts_are_evaluated(foreign: Path) -> None:
    lake = Lake(foreign / "lake")
    with connect(lake) as connection:
        checked = connection.execute('select distinct "table" from quality_result').fetchall()
    units = {release.unit for release in history(lake)}
    assert "canonical" in units
    assert len(checked) >= 14
