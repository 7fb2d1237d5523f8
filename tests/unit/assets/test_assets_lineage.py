"""The asset graph read from SQL files is the one that dbt itself would give."""

from functools import cache

from lakeward.assets.lineage import tables_read_by
from lakeward.contracts import load_contracts
from lakeward.core.settings import Settings, exported
from lakeward.lake.dbt import parsed_project
from lakeward.lake.relations import relations


def test_the_graph_read_from_files_is_that_of_dbts_manifest(settings: Settings) -> None:
    settings.home.work.mkdir(parents=True)
    with exported(settings):
        manifest = parsed_project(settings).deepcopy()
    manifest.build_parent_and_child_maps()
    stored = load_contracts()
    models = {node.unique_id: node.name for node in manifest.nodes.values()}
    sources = {node.unique_id: node.name for node in manifest.sources.values()}

    derived = relations()

    @cache  # a model is reached on many ways: walked again on each, this took two minutes
    def tables(unique_id: str) -> frozenset[str]:
        found: set[str] = set()
        for parent in manifest.parent_map[unique_id]:
            if parent in sources:
                name = sources[parent]
                found |= derived[name].tables() if name in derived else {name}
            elif parent in models:
                found |= {models[parent]} if models[parent] in stored else tables(parent)
        return frozenset(found)

    in_manifest = {
        name: set(tables(unique_id)) for unique_id, name in models.items() if name in stored
    }
    assert set(in_manifest) == set(stored)
    assert {name: tables_read_by(name) for name in stored} == in_manifest
