"""The wheel holds one top-level name, the data its modules read, and works outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"lakeward"}


def test_the_wheel_holds_what_modules_read_and_no_build_products(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "lakeward/__init__.py" not in names
    for needed in (
        "lakeward/dbt_project/dbt_project.yml",
        "lakeward/dbt_project/seeds/authority.csv",
        "lakeward/landing/sources.yaml",
        "lakeward/landing/calendar.csv",
        "lakeward/fhir/raw/sql/new_repeat.sql",
        "lakeward/fhir/views/patient.json",
        "lakeward/fhir/relations/relations.yaml",
        "lakeward/fhir/relations/fhir_version.sql",
        "lakeward/landing/relations/ledger.sql",
        "lakeward/hl7v2/specs/PID.yaml",
        "lakeward/contracts/canonical__visit.odcs.yaml",
        "lakeward/expectations/templates/quality.html.j2",
        "lakeward/expectations/templates/quality.css",
        "lakeward/orchestration/dagster.yaml",
    ):
        assert needed in names
    assert not [n for n in names if "/target/" in n or "/logs/" in n or n.endswith(".pyc")]


def test_definitions_load_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import lakeward.core.paths as p, lakeward.orchestration.definitions as d;"
        "print(p.__file__, p.project_path('dbt_project'), len(d.defs.resolve_all_asset_keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    module, project, assets = result.stdout.split()
    assert Path(module).is_relative_to(tmp_path)
    assert Path(project) == tmp_path / "site/lakeward/dbt_project"
    assert int(assets) > 50
