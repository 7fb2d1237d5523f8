"""What `lakeward doctor` finds in a home."""

from pathlib import Path

from lakeward.core.settings import load_settings
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
