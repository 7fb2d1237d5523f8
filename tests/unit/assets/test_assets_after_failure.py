"""A night that fails, whoever started it, leaves no list that looks as if nothing had happened."""

import errno
import json
from pathlib import Path
from typing import Any, Never

import dagster as dg
import pytest

from lakeward.assets import landing
from lakeward.core.errors import DamagedError, SpecError
from lakeward.core.settings import load_settings
from lakeward.orchestration.definitions import build_defs
from lakeward.orchestration.jobs import NIGHTLY, PUBLISH

DAY = "2026-01-05"
CONSUMERS = ("messaging_vendor", "referral_desk", "bed_management")
CAUSES: dict[str, Exception] = {
    "disk": OSError(errno.ENOSPC, "No space left on device"),
    "file": DamagedError("table ledger_entry", "data file x is missing", "it", "restore it"),
    "step": SpecError("source adt_hl7", "is wrong", "it right", "mend sources.yaml"),
}


def run(home: Path, job: str, instance: dg.DagsterInstance) -> Any:
    definition = build_defs(load_settings(home)).resolve_job_def(job)
    return definition.execute_in_process(
        instance=instance, partition_key=DAY, raise_on_error=False, tags={"day": DAY}
    )


def notices(home: Path) -> list[dict[str, Any]]:
    folders = [home / "outbox" / consumer / DAY for consumer in CONSUMERS]
    assert not any((folder / "_READY").exists() for folder in folders)
    return [json.loads((folder / "_BLOCKED.json").read_text()) for folder in folders]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_night_that_fails_blocks_its_lists_and_names_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    def fail(*_: object) -> Never:
        raise CAUSES[cause]

    monkeypatch.setattr(landing, "register", fail)
    with dg.DagsterInstance.ephemeral() as instance:
        done = run(tmp_path, NIGHTLY, instance)
        failed = [e.step_key for e in done.all_events if e.is_step_failure]
        assert failed == ["deliveries"]
        found = notices(tmp_path)
        assert {notice["cause"] for notice in found} == {cause}
        assert {notice["held"]["unit"] for notice in found} == {"deliveries"}
        assert "blocked" in (tmp_path / "site" / "index.html").read_text()
        # a publishing run afterwards knows the cause still, and changes no byte
        before = {p: p.read_bytes() for p in (tmp_path / "outbox").rglob("_BLOCKED.json")}
        run(tmp_path, PUBLISH, instance)
        assert {p: p.read_bytes() for p in (tmp_path / "outbox").rglob("_BLOCKED.json")} == before
