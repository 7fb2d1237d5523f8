"""The definitions of a home with segment specs: an asset each, and a wrong one stops nothing."""

from pathlib import Path

import dagster as dg
import pytest

from lakeward.core.settings import load_settings
from lakeward.orchestration.definitions import build_defs

SPECS = {
    "ZPI.yaml": "segment: ZPI\nabout: Local\ncolumns:\n  - [pet, ZPI-2, text, DI, x]\n",
    "PV1.yaml": "segment: PV1\nabout: Local\ncolumns:\n  - [visit, PV1-50, cx, DI, x]\n",
}


def test_a_wrong_segment_spec_of_the_home_is_reported_and_costs_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "segments").mkdir()
    for name, text in SPECS.items():
        (tmp_path / "segments" / name).write_text(text)
    defs = build_defs(load_settings(tmp_path))
    keys = defs.resolve_asset_graph().get_all_asset_keys()
    done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=sorted(k for k in keys if k.to_user_string().startswith("hl7v2__")),
        instance=dg.DagsterInstance.ephemeral(),
    )
    assert done.success
    events = done.get_asset_materialization_events()
    tables = {e.asset_key.to_user_string() for e in events if e.asset_key}
    assert {"hl7v2__zpi", "hl7v2__pv1", "hl7v2__obx"} <= tables
    assert "segment spec PV1.yaml line 4: column named twice: visit_id" in capfd.readouterr().err
