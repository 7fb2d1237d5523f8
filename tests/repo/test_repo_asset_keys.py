"""The names that others build on: every asset key, one a line, in `asset_keys.txt`.

A changed name is a decision, not an accident. `make golden` writes the file again.
"""

from collections.abc import Callable
from pathlib import Path

from lakeward.core.settings import load_settings

SNAPSHOT = Path(__file__).with_name("asset_keys.txt")


def asset_keys(home: Path) -> list[str]:
    """List the keys of the shipped project; a home without a sources.yaml has the packaged one."""
    from lakeward.orchestration.definitions import build_defs  # when broken, only this file fails

    graph = build_defs(load_settings(home)).resolve_asset_graph()
    return sorted(key.to_user_string() for key in graph.get_all_asset_keys())


def test_asset_keys_are_those_of_the_snapshot(
    tmp_path: Path, golden: Callable[[Path, str], None]
) -> None:
    golden(SNAPSHOT, "\n".join([*asset_keys(tmp_path), ""]))


def test_asset_keys_have_one_part_and_the_pattern_of_a_table(tmp_path: Path) -> None:
    assert not [k for k in asset_keys(tmp_path) if not k.replace("_", "").isalnum() or "/" in k]
