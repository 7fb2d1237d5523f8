"""Two stand-ins: dbt over hand-written canonical tables, and a lake with hand-made releases.

`models` runs the project's own SQL; only what dbt adds (ref, var, dispatch) is stood in for.
`hospital` releases rows of a worklist and exports them as the nightly job does.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rendered_models import Models

from lakeward.contracts import Contract, ContractColumn, load_contract
from lakeward.contracts.odcs import contracts_folder
from lakeward.contracts.subjects import SUBJECTS
from lakeward.core.paths import Home
from lakeward.lake.candidate import contract_table
from lakeward.lake.query import connect
from lakeward.lake.release import Decision, decide
from lakeward.lake.tables import Lake, arrow_schema, write
from lakeward.landing.coverage import SourceCoverage
from lakeward.landing.sources import Facility
from lakeward.worklists.day_release import Hold
from lakeward.worklists.export import ExportedList, export_worklist


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
        """Load the shipped contract of a worklist."""
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
            {name: _filler(contract.column(name), day, as_of) for name in _required(contract)}
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
        self.decide(contract.unit, {contract.name: version}, day=day, held_by=held_by)

    def decide(
        self, unit: str, pins: dict[str, int], *, day: date, held_by: Sequence[str] = ()
    ) -> None:
        """Decide on versions of a unit's tables."""
        decision = Decision(
            unit=unit,
            pins=pins,
            day=day,
            as_of=self.facility.cut_off(day),
            contract_version="1.0.0",
            held_by=tuple(held_by),
            run_id="test",
        )
        decide(self.lake, decision)

    def known(self, day: date, **differences: Any) -> SourceCoverage:
        """Return what is known of the one source of everything on a day: all, unless it differs."""
        whole = SourceCoverage(
            source="feed",
            owner="team:feed",
            provides=SUBJECTS,
            day=day,
            state="complete",
            known_until=self.facility.cut_off(day),
            days_behind=0,
            delivered_on=day,
            found=10,
            kept=10,
        )
        return replace(whole, **differences)

    def export(
        self,
        name: str,
        day: date | None = None,
        *,
        coverage: Sequence[SourceCoverage] | None = None,
        contract: Contract | None = None,
        failure: Hold | None = None,
    ) -> ExportedList:
        """Export a worklist as the nightly job does; all sources are complete by default."""
        day = day or self.day
        return export_worklist(
            self.lake,
            self.home,
            contract or self.contract(name),
            day,
            facility=self.facility,
            coverage=[self.known(day)] if coverage is None else coverage,
            failure=failure,
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


def _required(contract: Contract) -> list[str]:
    rules = {rule.id for rule in contract.rules}
    return [c.name for c in contract.columns if f"{c.name}.required" in rules]


def _filler(column: ContractColumn, day: date, as_of: datetime) -> object:
    special: dict[str, object] = {
        "day": day,
        "data_as_of": as_of,
        "local_date": date(2026, 1, 6),
        "local_time": "09:30",
        "tz": "America/New_York",
        "listed_until": day,
    }
    kinds: dict[str, object] = {"VARCHAR": column.name, "BIGINT": 1, "BOOLEAN": False}
    return special.get(column.name, kinds.get(column.physical_type))


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path / "home")
