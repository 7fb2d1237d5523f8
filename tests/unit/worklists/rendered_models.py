"""dbt's models of worklists over canonical tables that are written by hand.

The project's own SQL runs; only what dbt adds (ref, var, dispatch) is stood in for.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dbt_rendering import Renderer
from lakeward.assets.home import business_day
from lakeward.core.paths import Home
from lakeward.landing.business_calendar import load_calendar
from lakeward.landing.sources import load_inventory

NOWHERE = Home(Path("no home, so that the demo's inventory and calendar count"))
SHAPES = {
    "canonical__visit": "visit_key text, patient_key text, appointment_id text, service_type text,"
    " scheduled_start_at timestamptz, scheduled_start_precision text, main_state text,"
    " state_since timestamptz, expected_discharge_at timestamptz,"
    " expected_discharge_precision text, discharge_ordered_at timestamptz, practitioner_key text,"
    " location_key text, bed_key text, appointment_status text, last_change_ref text,"
    " source_ref text, quality_flags text[] default []",
    "canonical__visit_event": "event_id text, visit_key text, event_type text,"
    " occurred_at timestamptz, time_precision text, event_order bigint, recorded_at timestamptz,"
    " is_cancelled boolean default false, to_state text, confidence text, source_system text,"
    " source_ref text, quality_flags text[] default []",
    "canonical__patient": "patient_key text, mrn text, family_name text, given_names text,"
    " missing_fields text[] default [],"
    " phone_mobile text, phone_home text, email text, preferred_language text,"
    " record_status text default 'active', is_deceased boolean, quality_flags text[] default []",
    "canonical__consent": "patient_key text, channel text, purpose text, is_permitted boolean,"
    " decided_at timestamptz, source_ref text",
    "canonical__location": "location_key text, facility text, name text, phone text,"
    " unit text, room text, bed text",
    "canonical__practitioner": "practitioner_key text, display_name text",
    "canonical__referral_status": "referral_key text, patient_key text, originating_id text,"
    " specialty text, priority text, state text, state_since timestamptz, received_at timestamptz,"
    " seen_at timestamptz, referring_practitioner_key text, appointment_visit_key text,"
    " auth_required boolean, source_ref text",
    "canonical__order": "order_key text, practitioner_key text, placer_number text",
    "canonical__task": "task_key text, patient_key text, visit_key text, referral_key text,"
    " task_type text, status text, priority text, owner_key text, owner_type text,"
    " due_at timestamptz,"
    " created_at timestamptz, first_claimed_at timestamptz, last_touched_at timestamptz,"
    " source_ref text",
    "canonical__diagnostic_result": "result_key text, patient_key text, order_key text,"
    " result_category text, result_status text, is_critical boolean, is_reviewed boolean,"
    " review_signal text, resulted_at timestamptz, corrected_at timestamptz, source_ref text",
    "canonical__coverage": "patient_key text, is_in_force boolean, eligibility_at timestamptz",
    "canonical__authorisation": "authorisation_key text, visit_key text, referral_key text,"
    " authorisation_status text, authorisation_number text, payer_name text, display text,"
    " is_valid boolean, decided_at timestamptz, expires_at timestamptz, recorded_at timestamptz",
    "task_queue": "task_type text, waits_elsewhere text",
    "canonical__bed": "bed_key text, facility text, location_key text, unit text, room text,"
    " bed_label text, master_status text, operational_status text, state text, state_reason text,"
    " state_since timestamptz,"
    " vacated_at timestamptz, dirty_at timestamptz, source_ref text",
}


def planned(key: str, start: str, **other: object) -> dict[str, object]:
    """Return an appointment of a patient `p-<key>`."""
    return {
        "visit_key": key,
        "patient_key": f"p-{key}",
        "appointment_id": f"A{key}",
        "scheduled_start_at": start,
        "main_state": "scheduled",
        "source_ref": "scheduling_hl7/2026-01-02/siu.hl7#1",
        **other,
    }


class Models:
    """A DuckDB with canonical tables, in which models can be run by name."""

    def __init__(self) -> None:
        renderer = Renderer("duckdb", {}, self._ref)
        self.variables, self.render = renderer.variables, renderer.render
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("create macro key_namespace() as from_hex(repeat('ab', 16))")
        for name, columns in SHAPES.items():
            self.connection.execute(f"create table {name} ({columns})")

        self.on("2026-01-05")

    def on(self, day: str, inventory: Any = None, calendar: Any = None) -> None:
        """Set the day of the run, and the facilities with their days ahead, as a night does."""
        inventory = inventory or load_inventory(NOWHERE)
        calendar = calendar or load_calendar(NOWHERE, inventory)
        today = business_day(inventory, calendar, date.fromisoformat(day))
        self.variables.update(today.variables)

    def add(self, table: str, *rows: dict[str, object]) -> None:
        """Insert rows; columns that are not named are NULL."""
        for row in rows:
            marks = ", ".join("?" for _ in row)
            self.connection.execute(
                f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values())
            )

    def _ref(self, name: str) -> str:
        if name.startswith("int__"):
            self.connection.execute(f"create or replace view {name} as {self.render(name)}")
        return name

    def run(self, model: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Run a model and return its rows, in order of rank where there is one."""
        self.connection.execute(f"create or replace temp table {model} as {self.render(model)}")
        known = [c[0] for c in self.connection.execute(f"describe {model}").fetchall()]
        order = "rank" if "rank" in known else "all"
        return self.connection.execute(f"select {columns} from {model} order by {order}").fetchall()

    def left_out(self, worklist: str) -> list[tuple[str, str]]:
        """Return what a list left out, and why, in order."""
        rows = self.run("worklist__suppression", "worklist, subject_key, reason")
        name = worklist.removeprefix("worklist__")
        return sorted((subject, reason) for of, subject, reason in rows if of == name)

    def columns(self, model: str) -> Sequence[tuple[str, str]]:
        """List a model's columns and types."""
        rows = self.connection.execute(f"describe ({self.render(model)})").fetchall()
        return [(name, kind) for name, kind, *_ in rows]
