"""What an engineer sees in the Dagster UI, asked over GraphQL as the UI asks it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ASSETS = """{ assetNodes { assetKey { path } groupName description kinds isMaterializable
  owners { __typename ... on TeamAssetOwner { team } }
  metadataEntries { label } dependencyKeys { path } } }"""
COUNTS = """{ assetNodes { assetKey { path }
  assetMaterializations(limit: 1) { metadataEntries {
    label ... on IntMetadataEntry { intValue } } } } }"""
RUNS = "{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }"
LEFT_TO_RIGHT = [
    "landing", "raw", "fhir", "hl7v2", "canonical", "worklists", "metrics", "outbox", "site",
]  # fmt: skip


@pytest.fixture(scope="module")
def ask(finished: Path) -> Iterator[Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)),
            *("-m", "lakeward.orchestration.definitions"),
        ],
        env={
            **os.environ,
            "LAKEWARD_HOME": str(finished),
            "DAGSTER_HOME": str(finished / "dagster"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def query(text: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            data=json.dumps({"query": text}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    try:
        for _ in range(120):
            try:
                query("{ version }")
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, "the web server ended"
                time.sleep(0.5)
        yield query
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_no_asset_is_without_group_owner_description_or_kind(ask: Any) -> None:
    nodes = ask(ASSETS)["assetNodes"]
    assert len(nodes) > 60
    poor = [
        n["assetKey"]["path"]
        for n in nodes
        if n["groupName"] == "default" or not n["owners"] or not n["description"] or not n["kinds"]
    ]
    assert poor == []


def test_tables_show_their_columns_before_any_run(ask: Any) -> None:
    bare = [
        n["assetKey"]["path"][0]
        for n in ask(ASSETS)["assetNodes"]
        if "deltalake" in n["kinds"]
        and not n["assetKey"]["path"][0].startswith("release__")
        and "dagster/column_schema" not in {e["label"] for e in n["metadataEntries"]}
    ]
    assert bare == []


def test_the_graph_reads_left_to_right(ask: Any) -> None:
    nodes = ask(ASSETS)["assetNodes"]
    group = {n["assetKey"]["path"][0]: n["groupName"] for n in nodes}
    rank = {name: place for place, name in enumerate(LEFT_TO_RIGHT)}
    assert set(group.values()) == set(LEFT_TO_RIGHT)
    backwards = [
        (upstream, name)
        for n in nodes
        for name in [n["assetKey"]["path"][0]]
        for upstream in [d["path"][0] for d in n["dependencyKeys"]]
        if rank[group[upstream]] > rank[group[name]]
    ]
    assert backwards == []


def test_counts_stand_on_the_raw_assets(ask: Any) -> None:
    shown = {
        n["assetKey"]["path"][0]: {
            e["label"]: e.get("intValue")
            for m in n["assetMaterializations"]
            for e in m["metadataEntries"]
        }
        for n in ask(COUNTS)["assetNodes"]
    }
    for raw in ("raw_fhir__resource", "raw_hl7v2__message"):
        counts = shown[raw]
        assert counts["found"] > 0
        assert counts["found"] == counts["stored"] + counts["duplicate"] + counts["quarantined"]
    assert all("dagster/row_count" in shown[t] for t in shown if t.startswith("canonical__"))


def test_runs_have_a_name_and_their_day(ask: Any) -> None:
    runs = ask(RUNS)["runsOrError"]["results"]
    assert {r["jobName"] for r in runs} == {"nightly"}
    assert all(any(t["key"] == "day" for t in r["tags"]) for r in runs)
