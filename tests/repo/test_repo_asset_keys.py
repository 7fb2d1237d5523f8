"""The names that others build on: every asset key, one a line, in `asset_keys.txt`.

A changed name is a decision, not an accident. To write the file anew:

    .venv/bin/python tests/repo/test_repo_asset_keys.py
"""

import tempfile
from pathlib import Path

from lakeward.core.settings import load_settings

SNAPSHOT = Path(__file__).with_name("asset_keys.txt")


def asset_keys(home: Path) -> list[str]:
    """Give the keys of the shipped project; a home without a sources.yaml has the packaged one."""
    from lakeward.orchestration.definitions import build_defs  # when broken, only this file fails

    graph = build_defs(load_settings(home)).resolve_asset_graph()
    return sorted(key.to_user_string() for key in graph.get_all_asset_keys())


def test_asset_keys_are_those_of_the_snapshot(tmp_path: Path) -> None:
    now, before = set(asset_keys(tmp_path)), set(SNAPSHOT.read_text().split())
    assert now == before, f"gone: {sorted(before - now)}; new: {sorted(now - before)}"


def test_asset_keys_have_one_part_and_the_pattern_of_a_table(tmp_path: Path) -> None:
    assert not [k for k in asset_keys(tmp_path) if not k.replace("_", "").isalnum() or "/" in k]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        SNAPSHOT.write_text("\n".join([*asset_keys(Path(empty)), ""]))
