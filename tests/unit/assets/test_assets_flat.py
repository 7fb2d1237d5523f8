"""Views of a deployment: an asset and a table each, and a wrong one stops nobody else."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lakeward.assets.flat import OWN_SPEC
from lakeward.core.settings import Settings
from lakeward.fhir.raw.load import load
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import Lake, newest_version
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.definitions import build_defs

APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "a1",
    "status": "booked",
    "participant": [{"status": "accepted"}, {"status": "declined"}],
}


@pytest.fixture
def views(settings: Settings) -> Path:
    folder = settings.home.root / "views"
    folder.mkdir(parents=True)
    return folder


def add_view(folder: Path, name: str, *columns: tuple[str, str], file: str = "") -> None:
    """Write a view of appointments with columns of (name, path)."""
    column = [{"name": n, "path": path, "type": "string"} for n, path in columns]
    view = {"resource": "Appointment", "name": name, "select": [{"column": column}]}
    (folder / f"{file or name}.json").write_text(json.dumps(view), "utf-8")


def deliver(settings: Settings, resource: dict[str, Any]) -> None:
    source = load_inventory(settings.home).source("ehr_fhir")
    path = settings.home.landing / "ehr_fhir" / "a.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(resource), "utf-8")
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    file = LedgerFile(source.name, 1, date(2026, 1, 5), "ehr_fhir/a.ndjson", sha, 1, None)
    load(Lake(settings.home.lake), settings.home.landing, source, [file])


def flatten_in_dagster(settings: Settings) -> tuple[dg.ExecuteInProcessResult, set[str]]:
    """Run the step of all flat FHIR tables as the definitions have it; return its asset keys."""
    defs = build_defs(settings)
    graph = defs.resolve_asset_graph()
    keys = {
        k
        for k in graph.get_all_asset_keys()
        if k.to_user_string().startswith(
            ("fhir__", "fhir_discriminator", "fhir_identifier", "fhir_reference")
        )
    }
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        asset_selection=sorted(keys), instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
    )
    return result, {key.to_user_string() for key in keys}


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    return {
        event.asset_key.to_user_string(): event.materialization.metadata  # type: ignore[union-attr]
        for event in result.get_asset_materialization_events()
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {
        e.asset_key.to_user_string(): (e.passed, e.description)
        for e in result.get_asset_check_evaluations()
        if e.check_name == OWN_SPEC
    }


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect(Lake(settings.home.lake)) as connection:
        return connection.execute(query).fetchall()


def test_a_view_in_the_home_gives_a_table_and_an_asset(settings: Settings, views: Path) -> None:
    add_view(views, "own", ("status", "status"))
    deliver(settings, APPOINTMENT)
    result, keys = flatten_in_dagster(settings)
    assert result.success
    assert "fhir__own" in keys
    assert materialized(result)["fhir__own"]["dagster/row_count"].value == 1
    assert checks(result) == {"fhir__own": (True, None)}
    assert ask(settings, "select id, status from fhir__own") == [("a1", "booked")]


def test_wrong_views_are_reported_and_the_rest_is_loaded(settings: Settings, views: Path) -> None:
    (views / "broken.json").write_text("{", "utf-8")
    add_view(views, "patient", ("status", "status"), file="clash")
    add_view(views, "appointment", ("status", "status"))
    add_view(views, "misspelt", ("status", "statuss"))
    add_view(views, "several", ("state", "participant.status"))
    add_view(views, "Own-View", ("status", "status"))
    add_view(views, "own", ("status", "status"))
    deliver(settings, APPOINTMENT)
    result, keys = flatten_in_dagster(settings)
    assert result.success
    assert ask(settings, "select count(*) from fhir__appointment") == [(1,)]
    assert ask(settings, "select count(*) from fhir__own") == [(1,)]
    reported = checks(result)
    wrong = {
        "fhir__broken": "view broken.json: cannot be read as JSON",
        "fhir__clash": "view clash.json: bears the name patient, which another view has",
        "fhir__appointment": "view appointment.json: bears the name appointment, which another",
        "fhir__misspelt": "select[0].column[0] at character 1: Appointment has no element `statuss",
        "fhir__several": "view several select[0].column[0]: more than one value",
        "fhir__own_view": "view Own-View: has a name that a table cannot have",
    }
    assert set(reported) == {*wrong, "fhir__own"} <= keys
    assert reported.pop("fhir__own") == (True, None)
    for table, (passed, description) in reported.items():
        assert not passed
        assert wrong[table] in (description or "")
    assert set(materialized(result)) == keys - set(wrong) | {"fhir__appointment"}


def test_a_changed_view_is_derived_again_and_old_versions_stay(
    settings: Settings, views: Path
) -> None:
    lake = Lake(settings.home.lake)
    deliver(settings, APPOINTMENT)
    expected = []
    for columns in (
        [("status", "status")],
        [("status", "status"), ("slot", "slot.first().reference")],  # gains a column
        [("slot", "slot.exists()")],  # loses one, and the other changes its meaning
    ):
        add_view(views, "own", *columns)
        result, _ = flatten_in_dagster(settings)
        assert materialized(result)["fhir__own"]["rows_written"].value == 1
        again, _ = flatten_in_dagster(settings)
        assert materialized(again)["fhir__own"]["rows_written"].value == 0
        version = newest_version(lake, "fhir__own")
        pinned = snapshot(lake, "fhir__own", version)
        assert pinned is not None
        assert [name for name, _ in pinned.columns][9:] == [name for name, _ in columns]
        expected.append((version, ask(settings, "select * from fhir__own")))
    for version, rows in expected:
        with connect(lake, tables=["fhir__own"], pins={"fhir__own": version}) as connection:
            assert connection.execute("select * from fhir__own").fetchall() == rows


def flatten_segments(settings: Settings) -> dg.ExecuteInProcessResult:
    job = build_defs(settings).resolve_implicit_global_asset_job_def()
    keys = [k for k in job.asset_layer.executable_asset_keys if k.path[0].startswith("hl7v2__")]
    return job.execute_in_process(
        asset_selection=keys, instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
    )


def test_wrong_segment_specs_are_reported_like_wrong_views(settings: Settings) -> None:
    folder = settings.home.root / "segments"
    folder.mkdir(parents=True)
    for name, line in (("ZPI", "pet, ZPI-2, text, DI, x"), ("ZZZ", "pet, ZZZ-2, text, N, x")):
        spec = f"segment: {name}\nabout: x\ncolumns:\n  - [{line}]\n"
        (folder / f"{name}.yaml").write_text(spec, "utf-8")
    clash = "segment: PV1\nabout: x\ncolumns:\n  - [patient_class, PV1-3, text, QI, x]\n"
    (folder / "PV1.yaml").write_text(clash, "utf-8")
    result = flatten_segments(settings)
    assert result.success
    reported = checks(result)
    assert reported.pop("hl7v2__zpi") == (True, None)
    for table, where in (
        ("hl7v2__zzz", "segment spec ZZZ.yaml line 4: columns.0: text of a message cannot"),
        ("hl7v2__pv1", "segment spec PV1.yaml line 4: column named twice: patient_class"),
    ):
        passed, description = reported.pop(table)
        assert not passed
        assert (description or "").startswith(where)
    assert not reported
    assert {"hl7v2__zpi", "hl7v2__pv1"} <= materialized(result).keys()
    assert "hl7v2__zzz" not in materialized(result)
