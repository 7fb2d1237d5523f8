"""From the server into the lake: an export is loaded like any delivery (cases 12 to 14, 20)."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from bulk_server import ndjson, outcome
from lakeward.fhir.format import FHIR
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import deliveries
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending

Make = Callable[..., Any]


def loaded(hospital: Any, query: str) -> list[tuple[Any, ...]]:
    """Load all that is landed, and ask the lake."""
    lake = Lake(hospital.settings.home.lake)
    landing = hospital.settings.home.landing
    register(lake, landing, deliveries(landing, "ehr_fhir", date.max))
    load_pending(lake, hospital.settings.home, hospital.source, FHIR)
    with connect(lake) as connection:
        return connection.execute(query).fetchall()


def test_an_export_ends_as_rows_with_their_transaction_time(hospital: Make) -> None:
    one = hospital(auth=True, rows=2, busy=2)
    assert one.pull().state == "complete"
    rows = loaded(
        one,
        "select resource_type, count(*), min(transaction_time) = max(transaction_time)"
        " from raw_fhir__resource group by 1 order by 1",
    )
    assert rows == [("Encounter", 8, True), ("Patient", 5, True)]
    files = loaded(
        one,
        "select sum(promised), sum(found), sum(stored), sum(quarantined), min(export_group)"
        " from ledger_entry where step = 2 and kind = 'output'",
    )
    assert files == [(13, 13, 13, 0, "system")]


def test_two_exports_on_one_day_both_count(hospital: Make) -> None:
    one = hospital()
    one.pull()
    one.time.sleep(3600)
    one.server.resources.append({"resourceType": "Patient", "id": "late"})
    one.pull()
    assert loaded(one, "select count(*) from raw_fhir__resource") == [(14,)]
    # files of one name in both exports, each with a manifest of its own
    counts = "select split_part(file, '/', 4), promised, found from ledger_entry"
    of_patients = f"{counts} where step = 2 and promised_type = 'Patient' order by received"
    assert loaded(one, of_patients) == [("1.Patient.ndjson", 5, 5), ("1.Patient.ndjson", 1, 1)]


def test_12_rejected_lines_go_to_quarantine_and_the_rest_is_loaded(hospital: Make) -> None:
    def damage(content: bytes) -> bytes:
        if b'"Patient", "id"' not in content:
            return content
        lines = content.split(b"\n")
        lines[0], lines[1] = lines[0][:-3], b'{"resourceType": "Medication", "id": "m"}'
        return b"\n".join(lines)

    one = hospital(damage=damage)
    assert one.pull().state == "complete"
    stored = "select count(*) from raw_fhir__resource where resource_type <> 'Medication'"
    assert loaded(one, stored) == [(11,)]
    assert loaded(one, "select count(*) from quarantine")[0][0] >= 1
    found = "select sum(found) = sum(stored + duplicate + quarantined), sum(found)"
    assert loaded(one, f"{found} from ledger_entry where step = 2") == [(True, 13)]


def test_13_duplicates_within_and_across_files_are_stored_once(hospital: Make) -> None:
    patient = {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "1"}}
    one = hospital([patient] * 5, rows=2)
    assert one.pull().state == "complete"
    assert loaded(one, "select count(*) from raw_fhir__resource") == [(1,)]
    assert loaded(
        one, "select sum(found), sum(stored) from ledger_entry where step = 2 and kind = 'output'"
    ) == [(5, 1)]


def deletion(*urls: str) -> dict[str, Any]:
    """A Bundle of deletions."""
    entries = [{"request": {"method": "DELETE", "url": url}} for url in urls]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_14_files_of_deletions_are_landed_as_such(hospital: Make) -> None:
    one = hospital(bulk_full_export_every_days=30)
    one.pull()
    assert not [p for p in one.landed() if "Bundle" in p.name]
    one.time.sleep(86400)
    base = one.server.base_url
    one.server.switches.deleted = [
        deletion("Patient/p1", f"{base}/Patient/p2"),
        deletion("Patient/p3/_history/1"),
    ]
    day = one.time.now().date()
    assert one.pull(day=day).state == "complete"
    (path,) = [p for p in one.landed(day) if "Bundle" in p.name]
    assert path.read_bytes() == ndjson(one.server.switches.deleted)
    kinds = loaded(
        one,
        "select kind, promised from ledger_entry where step = 2 and day = "
        f"date '{day}' and kind = 'deleted'",
    )
    assert kinds == [("deleted", 2)]


def test_14_a_count_of_deletions_may_be_one_of_entries(hospital: Make) -> None:
    one = hospital()
    one.pull()
    one.time.sleep(86400)
    one.server.switches.deleted = [deletion("Patient/p1", "Patient/p2")]
    one.server.switches.count_error = 1  # two entries in one Bundle
    one.server.resources = []
    assert one.pull(day=one.time.now().date()).state == "complete"


def test_15_an_outcome_file_is_part_of_the_delivery(hospital: Make) -> None:
    one = hospital(outcomes=[outcome("informational", "information")])
    one.pull()
    assert [p.name for p in one.landed() if "OperationOutcome" in p.name]


def test_20_a_subsetted_resource_is_marked_as_such(hospital: Make) -> None:
    one = hospital(bulk_elements=("status",))
    one.pull()
    assert dict(one.server.of("kickoff")[0].parameters)["_elements"] == "status"
    rows = loaded(one, "select bool_and(is_subsetted) from raw_fhir__resource")
    assert rows == [(True,)]


def test_20_a_subsetted_resource_never_replaces_a_full_one(hospital: Make) -> None:
    one = hospital()
    one.pull()
    one.bulk["elements"] = ("status",)
    one.time.sleep(86400)
    one.pull(day=one.time.now().date())
    rows = loaded(
        one,
        "select count(*), count(*) filter (where resource like '%SUBSETTED%') from fhir_current"
        " where resource_type = 'Encounter'",
    )
    assert rows == [(8, 0)]


def test_a_since_that_the_server_ignores_is_reported(hospital: Make) -> None:
    from lakeward.fhir.bulk.store import read_lines, store_of

    one = hospital(ignores_since=True)
    one.pull()
    one.time.sleep(86400)
    export = one.pull(day=one.time.now().date())
    log = store_of(one.settings.home, "ehr_fhir").export_folder(export) / "log.ndjson"
    counts = [r["eventDetail"]["count"] for r in read_lines(log) if r["eventId"] == "since_ignored"]
    assert sorted(counts) == [5, 8]
    assert export.jobs[0].since is not None
    assert one.time.now() - export.jobs[0].since > timedelta(days=1)
