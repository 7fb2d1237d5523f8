"""Two stand-ins: dbt over hand-written canonical tables, and a lake with hand-made releases.

`models` runs the project's own SQL; only what dbt adds (ref, var, dispatch) is stood in for.
`hospital` releases rows of a worklist and exports them as the nightly job does.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dbt_rendering import PROJECT, Renderer
from lakeward.contracts import Contract, ContractColumn, load_contract
from lakeward.contracts.odcs import contracts_folder
from lakeward.core.paths import Home
from lakeward.lake.candidate import contract_table
from lakeward.lake.query import connect
from lakeward.lake.release import decide
from lakeward.lake.tables import Lake, arrow_schema, write
from lakeward.landing.sources import Facility
from lakeward.worklists.export import Export, deliver

VARS = {"day": "2026-01-05", "as_of": "2026-01-06T05:00:00Z", "time_zone": "America/New_York"}
SHAPES = {
    "canonical__visit": "visit_key text, patient_key text, appointment_id text, service_type text,"
    " scheduled_start_at timestamptz, main_state text, state_since timestamptz,"
    " expected_discharge_at timestamptz, discharge_ordered_at timestamptz, practitioner_key text,"
    " location_key text, bed_key text, last_change_ref text, source_ref text",
    "canonical__visit_event": "event_id text, visit_key text, event_type text,"
    " occurred_at timestamptz, recorded_at timestamptz, is_cancelled boolean, confidence text,"
    " source_system text, source_ref text",
    "canonical__patient": "patient_key text, given_names text, phone_mobile text, phone_home text,"
    " email text, preferred_language text, record_status text default 'active',"
    " is_deceased boolean",
    "canonical__consent": "patient_key text, channel text, purpose text, is_permitted boolean,"
    " decided_at timestamptz, source_ref text",
    "canonical__location": "location_key text, name text, phone text, unit text, room text,"
    " bed text",
    "canonical__practitioner": "practitioner_key text, display_name text",
    "canonical__referral_status": "referral_key text, patient_key text, originating_id text,"
    " specialty text, priority text, state text, state_since timestamptz, received_at timestamptz,"
    " seen_at timestamptz, referring_practitioner_key text, source_ref text",
    "canonical__bed": "bed_key text, location_key text, unit text, room text, bed_label text,"
    " master_status text, operational_status text, state text, state_since timestamptz,"
    " vacated_at timestamptz, dirty_at timestamptz, source_ref text",
}


class Models:
    """A DuckDB with canonical tables, in which models can be run by name."""

    def __init__(self) -> None:
        renderer = Renderer("duckdb", VARS, self._ref)
        self.variables, self.render = renderer.variables, renderer.render
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("create macro key_namespace() as from_hex(repeat('ab', 16))")
        calendar = PROJECT / "seeds" / "business_calendar.csv"
        self.connection.execute(f"create table business_calendar as from read_csv('{calendar}')")
        for name, columns in SHAPES.items():
            self.connection.execute(f"create table {name} ({columns})")

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
        """Run a model and give its rows, in order of rank where there is one."""
        self.connection.execute(f"create or replace temp table {model} as {self.render(model)}")
        known = [c[0] for c in self.connection.execute(f"describe {model}").fetchall()]
        order = "rank" if "rank" in known else "all"
        return self.connection.execute(f"select {columns} from {model} order by {order}").fetchall()

    def columns(self, model: str) -> Sequence[tuple[str, str]]:
        """Give a model's columns and types."""
        rows = self.connection.execute(f"describe ({self.render(model)})").fetchall()
        return [(name, kind) for name, kind, *_ in rows]


@pytest.fixture
def models() -> Models:
    return Models()


class Hospital:
    """A lake with hand-made releases of worklists, and the outbox it exports to."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.lake = Lake(root / "lake")
        self.facility = Facility(id="LKWD", name="Demo", time_zone="America/New_York")
        self.day = date(2026, 1, 5)

    def contract(self, name: str) -> Contract:
        """Give the shipped contract of a worklist."""
        return load_contract(contracts_folder() / f"worklist__{name}.odcs.yaml")

    def release(
        self,
        name: str,
        rows: Sequence[dict[str, Any]],
        *,
        day: date | None = None,
        held_by: Sequence[str] = (),
    ) -> None:
        """Write rows as a version of a worklist and decide on it; ranks follow their order."""
        contract, day = self.contract(name), day or self.day
        spec = contract_table(contract)
        as_of = self.facility.cut_off(day).astimezone(UTC)
        full = [
            {c.name: _filler(c, day, as_of) for c in contract.columns if c.required}
            | {"rank": rank}
            | row
            for rank, row in enumerate(rows, start=1)
        ]
        known = [c.name for c in contract.columns]
        columns = {n: [row.get(n) for row in full] for n in known}
        data = (
            pa.table(columns, schema=arrow_schema(spec))
            if full
            else arrow_schema(spec).empty_table()
        )
        version = write(self.lake, spec, data, mode="overwrite").version
        decide(
            self.lake,
            contract.unit,
            {contract.name: version},
            day=day,
            as_of=as_of,
            contract_version=contract.version,
            held_by=held_by,
            run_id="test",
        )

    def deliver(self, name: str, day: date | None = None) -> Export:
        """Export a worklist as the nightly job does."""
        return deliver(
            self.lake, self.home, self.contract(name), day or self.day, facility=self.facility
        )

    def outbox(self, name: str, day: date | None = None) -> dict[str, bytes]:
        """Read the consumer's folder."""
        folder = self.home.outbox / self.contract(name).consumer / (day or self.day).isoformat()
        return {p.name: p.read_bytes() for p in sorted(folder.iterdir())} if folder.is_dir() else {}

    def audit_rows(self) -> list[dict[str, Any]]:
        """Read the audit table."""
        if not (self.lake.root / "audit").is_dir():
            return []
        with connect(self.lake) as connection:
            rows: list[dict[str, Any]] = (
                connection.sql("from audit order by seq").to_arrow_table().to_pylist()
            )
        return rows


def _filler(column: ContractColumn, day: date, as_of: datetime) -> object:
    special: dict[str, object] = {
        "day": day,
        "data_as_of": as_of,
        "local_date": date(2026, 1, 6),
        "local_time": "09:30",
        "tz": "America/New_York",
    }
    kinds: dict[str, object] = {"VARCHAR": column.name, "BIGINT": 1, "BOOLEAN": False}
    return special.get(column.name, kinds.get(column.physical_type))


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path / "home")
