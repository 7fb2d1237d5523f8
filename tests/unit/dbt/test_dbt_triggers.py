"""What each HL7 v2 trigger does to the canonical store: `tests/golden/hl7v2_triggers`.

A case is a file of messages, `input/<case>.hl7` (or several, `<case>.1.hl7` and on); the canonical
rows that come of it are in `expected/<case>.csv`. All go through one build; `make golden` writes
the rows again.
"""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from canonical_folds import build_canonical, csv_text, load_landed

from lakeward.core.paths import project_path
from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hl7v2_triggers"
FILES = sorted((GOLDEN / "input").glob("*.hl7"))
CASES = sorted({path.name.split(".")[0] for path in FILES})
DAY = "2026-01-09"
VARIABLES = {"day": DAY, "as_of": "2026-01-10T05:00:00Z", "time_zone": "America/New_York"}
SOURCE = {"SIU": "scheduling_hl7", "ADT": "adt_hl7", "MFN": "adt_hl7"}

# Each row: which case it belongs to, what it is, what it is about, and what is said of it. Places
# are named without the case, which is their unit.
ROWS = """
with places as (
    select location_key, facility, unit, concat_ws('-', room, bed) as place, name, phone,
        location_type, master_status, quality_flags
    from canonical__location
),
patients as (select patient_key, mrn from canonical__patient),
visits as (
    select v.*, coalesce(v.visit_number, v.appointment_id) as visit, p.mrn,
        coalesce(v.visit_number, v.appointment_id, p.mrn) as owner
    from canonical__visit v left join patients p on p.patient_key = v.patient_key
),
people as (
    select practitioner_key, npi, concat_ws(' ', given_names, family_name) as name
    from canonical__practitioner
),
rows as (
    select coalesce(p.mrn, v.owner, b.unit, e.control_id) as owner, 1 as part, 'event' as what,
        coalesce(v.visit, p.mrn, bl.place, 'slot') as subject,
        strftime(e.occurred_at, '%d %H:%M ') || e.event_type
            || coalesce(' at ' || bl.place, '')
            || case when e.to_state is null then '' else ': ' || coalesce(e.from_state, 'nothing')
                || ' -> ' || e.to_state end
            || coalesce(' (cancels ' || strftime(o.occurred_at, '%H:%M ') || o.event_type || ')',
                '')
            || case when e.is_cancelled then ' (cancelled)' else '' end
            || case when e.confidence <> 'explicit' then ' (' || e.confidence || ')' else '' end
            || case when len(e.quality_flags) > 0 then ' ' || cast(e.quality_flags as varchar)
                else '' end as detail,
        e.occurred_at as happened
    from canonical__visit_event e
    left join visits v on v.visit_key = e.visit_key
    left join patients p on p.patient_key = coalesce(v.patient_key, e.patient_key)
    left join canonical__bed b on b.bed_key = e.bed_key
    left join places bl on bl.location_key = b.location_key
    left join places l on l.location_key = e.location_key
    left join canonical__visit_event o on o.event_id = e.cancels_event_id
    where e.referral_key is null
    union all
    select owner, 2, 'visit', visit,
        concat_ws(' ', v.main_state,
            'class=' || visit_class,
            'bed=' || nullif(l.place, ''),
            'at=' || case when v.bed_key is null then u.unit end,
            'pending=' || w.unit,
            'appointment=' || appointment_status,
            'start=' || strftime(scheduled_start_at, '%d %H:%M'),
            'disposition=' || discharge_disposition,
            'out=' || strftime(discharge_at, '%d %H:%M'),
            'service=' || service_type,
            'doctor=' || d.name,
            'waits=' || nullif(cast(open_waits as varchar), '[]'),
            'patient=' || mrn,
            nullif(cast(v.quality_flags as varchar), '[]')),
        null
    from visits v
    left join canonical__bed b on b.bed_key = v.bed_key
    left join places l on l.location_key = b.location_key
    left join places u on u.location_key = v.location_key
    left join places w on w.location_key = v.pending_location_key
    left join people d on d.practitioner_key = v.practitioner_key
    union all
    select b.unit, 3, 'bed', coalesce(l.place, b.bed_label),
        concat_ws(' ', b.state, 'status=' || operational_status, 'visit=' || v.visit,
            'reserved=' || r.visit, 'master=' || nullif(b.master_status, 'active'),
            'label=' || nullif(bed_label, b.unit || '-' || l.place),
            nullif(cast(b.quality_flags as varchar), '[]')), null
    from canonical__bed b
    left join places l on l.location_key = b.location_key
    left join visits v on v.visit_key = b.current_visit_key
    left join visits r on r.visit_key = b.reserved_for_visit_key
    union all
    select p.mrn, 4, 'patient', p.mrn,
        concat_ws(' ', record_status, 'into=' || s.mrn,
            'linked=' || (select string_agg(q.mrn, ',') from patients q
                where list_contains(p.linked_patient_keys, q.patient_key)),
            'name=' || concat_ws(' ', given_names, family_name), 'born=' || birth_date,
            'sex=' || administrative_sex, 'mobile=' || phone_mobile, 'home=' || phone_home,
            'address=' || nullif(concat_ws(', ', address_line, city, state, postal_code), ''),
            'language=' || preferred_language,
            case when list_contains(p.quality_flags, 'merge_conflict') then '[merge_conflict]' end),
        null
    from canonical__patient p left join patients s on s.patient_key = p.merged_into_patient_key
    union all
    select p.unit, 5, 'slot', strftime(a.start_at, '%d %H:%M'),
        concat_ws(' ', slot_status, duration_minutes || ' minutes', 'booked=' || booked_count,
            nullif(cast(a.quality_flags as varchar), '[]')), null
    from canonical__provider_availability a
    left join places p on p.location_key = a.location_key
    union all
    select originating_id, 6, 'referral', originating_id,
        concat_ws(' ', r.state, 'status=' || status_source,
            nullif(cast(quality_flags as varchar), '[]')), null
    from canonical__referral_status r
    union all
    select placer_number, 7, 'order', placer_number,
        concat_ws(' ', status, 'filler=' || filler_number, order_category, priority,
            'result=' || result_status, 'for=' || strftime(requested_for_at, '%d %H:%M')), null
    from canonical__order
    union all
    select sender_case, 8, 'practitioner', coalesce(npi, sender_case),
        concat_ws(' ', display_name, specialty, case when not is_active then 'inactive' end,
            nullif(cast(quality_flags as varchar), '[]')), null
    from (
        select *, split_part(split_part(source_ref, '/', 3), '.', 1) as sender_case
        from canonical__practitioner
    ) where source_ref like '%/M02.hl7#%'
    union all
    select unit, 9, 'location', coalesce(nullif(place, ''), unit),
        concat_ws(' ', location_type, name, nullif(master_status, 'active'),
            nullif(cast(quality_flags as varchar), '[]')), null
    from places where location_type = 'bd' and unit like 'M05%'
    union all
    select split_part(split_part(source_ref, '/', 3), '.', 1), 10, 'master file', master,
        concat_ws(' ', state, record_count || ' records', count_before || ' before',
            nullif(cast(quality_flags as varchar), '[]')), null
    from canonical__master_file
    union all
    select split_part(split_part(source_ref, '/', 3), '.', 1), 11, 'unmapped', code_map,
        from_code, null
    from canonical__unmapped_code where from_code <> ''
)
"""


def build_cases(home: Path) -> Connection:
    """Deliver each case as a file of the source that its messages come from."""
    for path in FILES:
        put(home, path.name, path.read_text(encoding="utf-8").split("\n\n"), DAY)
    load_landed(home, date.fromisoformat(DAY))
    return build_canonical(home, VARIABLES)


def build_backwards(home: Path) -> Connection:
    """Deliver each message in a file of its own, the last of a case on the first night."""
    by_case = {
        path.stem: path.read_text(encoding="utf-8").split("\n\n")[::-1]
        for path in FILES
        if path.stem in CASES
    }
    nights = max(len(messages) for messages in by_case.values())
    for night in range(nights):
        day = f"2026-01-{10 - nights + night:02}"
        for case, messages in by_case.items():
            put(home, f"{case}.hl7", messages[night : night + 1], day)
        load_landed(home, date.fromisoformat(day))
    return build_canonical(home, VARIABLES)


def put(home: Path, name: str, messages: list[str], day: str) -> None:
    """Write messages into the landing folders of the sources they come from."""
    for source, delivered in _by_source(messages).items():
        folder = load_settings(home).home.landing / source / day
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(delivered), encoding="utf-8")
        (folder / "_COMPLETE").touch()


def _by_source(messages: list[str]) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for message in messages:
        kind = message.split("|")[8].split("^")[0]
        sources.setdefault(SOURCE.get(kind, "orders_hl7"), []).append(message)
    return sources


def effects(connection: Connection, case: str) -> list[list[str]]:
    """Return the canonical rows of a case: what it is, which thing it is about, its effect."""
    rows = connection.execute(
        f"{ROWS} select what, subject, detail from rows"
        " where regexp_matches(owner, '^' || ? || '(-[PVAR]?\\d+D?)?$')"
        " order by part, subject, happened, detail",
        [case],
    ).fetchall()
    return [["what", "subject", "effect"], *([str(value or "") for value in row] for row in rows)]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    """All cases, built once."""
    connection = build_cases(tmp_path_factory.mktemp("triggers") / "home")
    connection.execute("set TimeZone = 'America/New_York'")
    return connection


@pytest.fixture(scope="module")
def backwards(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    """The cases of one file each, delivered in the wrong order."""
    connection = build_backwards(tmp_path_factory.mktemp("backwards") / "home")
    connection.execute("set TimeZone = 'America/New_York'")
    return connection


@pytest.mark.parametrize("case", CASES)
def test_trigger_has_the_golden_effect(
    cases: Connection, case: str, golden: Callable[[Path, str], None]
) -> None:
    golden(GOLDEN / "expected" / f"{case}.csv", csv_text(effects(cases, case)))


def test_order_of_arrival_changes_no_effect(cases: Connection, backwards: Connection) -> None:
    several = {path.name.split(".")[0] for path in FILES if path.stem not in CASES}
    differ = [
        case
        for case in CASES
        if case not in several and effects(cases, case) != effects(backwards, case)
    ]
    assert not differ


def test_every_trigger_that_does_something_has_a_case() -> None:
    with (project_path("dbt_project") / "seeds" / "trigger_event.csv").open() as file:
        table = list(csv.DictReader(file))
    triggers = {
        line.split("|")[8]
        for path in FILES
        for line in path.read_text().splitlines()
        if line.startswith("MSH")
    }
    shown = {"^".join(code.split("^")[:2]) for code in triggers}
    acting = {
        f"{row['message_type']}^{row['trigger_event']}"
        for row in table
        if row["effect"] not in {"none", "order"}
    }
    assert acting <= shown, sorted(acting - shown)
    assert {"ORM^O01", "OMG^O19", "OML^O21", "ORU^R01", "ORR^O02"} <= shown


def test_an_event_without_health_information_names_nobody(cases: Connection) -> None:
    query = """
        select bears_phi, count(*) > 0, count(coalesce(patient_key, visit_key)) > 0
        from canonical__visit_event group by all order by all"""
    assert cases.sql(query).fetchall() == [(False, True, False), (True, True, True)]
