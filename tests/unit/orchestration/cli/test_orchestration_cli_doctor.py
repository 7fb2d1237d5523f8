"""What `lakeward doctor` finds in a home."""

from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest

from lakeward.core.phi import Phi
from lakeward.core.settings import DEMO_SECRET, load_settings
from lakeward.lake.tables import Column, Lake, TableSpec, write
from lakeward.orchestration.cli.doctor import examine


def test_a_wrong_segment_spec_of_the_home_is_found_with_its_line(tmp_path: Path) -> None:
    spec = tmp_path / "segments" / "ZPI.yaml"
    spec.parent.mkdir()
    spec.write_text("segment: ZPI\nabout: Local\ncolumns:\n  - [pet, ZPI-2, text, N, x]\n")
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "own segments"]
    assert not found.healthy
    assert found.state.startswith("segment spec ZPI.yaml line 4: ")
    spec.write_text(spec.read_text().replace("text, N,", "text, DI,"))
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "own segments"]
    assert found.healthy


def test_a_wrong_view_of_the_home_is_found(tmp_path: Path) -> None:
    view = tmp_path / "views" / "pet.json"
    view.parent.mkdir()
    view.write_text('{"resourceType": "ViewDefinition", "name": "pet", "resource": "Animal"}')
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "own views"]
    assert not found.healthy
    assert found.state.startswith("view pet.json")


def test_a_table_that_lost_a_file_is_found(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    lake = Lake(settings.home.lake)
    spec = TableSpec(name="person", columns=(Column("n", "BIGINT", Phi.N),))
    write(lake, spec, pa.table({"n": [1]}), mode="append")
    (found,) = [f for f in examine(settings) if f.check == "tables"]
    assert found.healthy
    next(lake.path("person").glob("*.parquet")).unlink()
    (found,) = [f for f in examine(settings) if f.check == "table person"]
    assert not found.healthy
    assert "is missing or not whole" in found.state


OWN = (
    resources.files("lakeward.landing")
    .joinpath("sources.yaml")
    .read_text(encoding="utf-8")
    .replace("- name: adt_hl7", "- name: adt_of_ours")
)


@pytest.mark.parametrize(
    ("sources", "secret", "healthy"),
    [
        (None, DEMO_SECRET, True),
        (OWN.replace("adt_of_ours", "adt_hl7"), DEMO_SECRET, True),
        (OWN, DEMO_SECRET, False),
        (OWN, "a secret of ours", True),
        ("not: an inventory", DEMO_SECRET, True),  # another finding says so
    ],
)
def test_the_demo_secret_is_for_sources_of_the_demo_alone(
    tmp_path: Path, sources: str | None, secret: str, *, healthy: bool
) -> None:
    if sources:
        (tmp_path / "sources.yaml").write_text(sources)
    settings = load_settings(tmp_path).model_copy(update={"key_secret": secret})
    (found,) = [f for f in examine(settings) if f.check == "key secret"]
    assert found.healthy is healthy
    assert healthy or "set LAKEWARD_KEY_SECRET" in found.remedy


def test_the_seeds_of_which_the_home_sets_rows_are_named(tmp_path: Path) -> None:
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "overrides"]
    assert (found.healthy, found.state) == (True, "none; seeds as packaged")
    path = tmp_path / "config" / "queue_type.csv"
    path.parent.mkdir()
    head = "queue_type,owning_team,sla_minutes,origin,reason\n"
    path.write_text(f"{head}triage,emergency_department,10,local,ours\n")
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "overrides"]
    assert (found.healthy, found.state) == (True, "rows of the home in queue_type (1)")
    path.write_text(f"{head}triage,emergency_department,soon,local,ours\n")
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "overrides"]
    assert not found.healthy
    assert found.state.startswith("config/queue_type.csv line 2: sla_minutes is not valid;")


def test_an_interface_that_no_inventory_has_is_found(tmp_path: Path) -> None:
    path = tmp_path / "config" / "authority_default.csv"
    path.parent.mkdir()
    path.write_text("source_system,object,authority,origin,reason\nadt_far,patient,X,local,ours\n")
    (found,) = [f for f in examine(load_settings(tmp_path)) if f.check == "overrides"]
    assert not found.healthy
    assert found.state.startswith("config/authority_default.csv line 2: source_system is not")
