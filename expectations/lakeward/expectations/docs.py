"""Keeps validation results and builds Great Expectations' Data Docs from them, offline.

The last `KEPT` results of each suite are kept as Great Expectations stores them. Pages are built
once a nightly run: those that are not there yet, and the index. What makes a page self-contained
is in `docs_offline`; the page that reviewers read first is `quality_page`.
"""

import json
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lakeward.expectations.docs_offline import make_offline, write_assets
from lakeward.expectations.rule_results import TableResult
from lakeward.expectations.suite import DIGEST, counted_expectation, great_expectations

KEPT = 10
_SITE = "local"


@dataclass(frozen=True)
class DocsContext:
    """Where results are kept and where pages go.

    Attributes:
        store: Folder of suites and validation results; survives runs.
        site: The report folder; pages go to `<site>/data_docs/`.
    """

    store: Path
    site: Path

    @property
    def pages(self) -> Path:
        """Folder of the pages; its `index.html` is the way in."""
        return self.site / "data_docs"

    def keep(self, suite: Any, results: list[Any], found: TableResult) -> None:
        """Store a suite and the validation result of one check; drop the oldest results."""
        context = _context(self.store, self.pages)
        if not self._holds(suite):
            context.suites.add_or_update(suite)
        key, value = _validation_result(suite, results, found)
        context.validation_results_store.set(key, value)
        self._forget_old(suite.name)

    def _holds(self, suite: Any) -> bool:
        """Whether this very suite is stored: comparing rule by rule takes longer than checking."""
        stored = self.store / "expectations" / f"{suite.name}.json"
        if not stored.exists():
            return False
        meta = json.loads(stored.read_text(encoding="utf-8")).get("meta", {})
        return bool(meta.get(DIGEST) == suite.meta[DIGEST])

    def _forget_old(self, suite_name: str) -> None:
        runs = sorted(
            (self.store / "validations" / suite_name).glob("*/*"), key=lambda path: path.name
        )
        for old in runs[:-KEPT]:  # folders are named by time, so that names sort as times do
            shutil.rmtree(old)
            if not any(old.parent.iterdir()):
                old.parent.rmdir()
            page = self.pages / "validations" / old.relative_to(self.store / "validations")
            shutil.rmtree(page, ignore_errors=True)


def build_docs(docs: DocsContext) -> Path:
    """Build what is missing of Data Docs; return its index page. No host is asked."""
    counted_expectation()  # pages look expectations up by type
    context = _context(docs.store, docs.pages)
    stores = {
        "validations": context.validation_results_store,
        "expectations": context.expectations_store,
    }
    keys = [
        key
        for kind, store in stores.items()
        for key in store.list_keys()
        if not _is_shown(docs, kind, key)
    ]
    index = docs.pages / "index.html"
    if keys or not index.exists():  # no keys would mean all
        context.build_data_docs(site_names=[_SITE], resource_identifiers=keys, build_index=True)
    write_assets(docs.pages)
    make_offline(docs.pages)
    return index


def _is_shown(docs: DocsContext, kind: str, key: Any) -> bool:
    """Whether there is a page that is not older than what it shows."""
    *folders, name = key.to_tuple()
    page = docs.pages.joinpath(kind, *folders, f"{name}.html")
    shown = docs.store.joinpath(kind, *folders, f"{name}.json")
    return page.exists() and page.stat().st_mtime_ns >= shown.stat().st_mtime_ns


@cache
def _context(store: Path, pages: Path) -> Any:
    """Build a data context whose whole configuration is here: no file of it is written."""
    gx = great_expectations()
    from great_expectations.data_context.types.base import DataContextConfig

    pages.mkdir(parents=True, exist_ok=True)
    config = DataContextConfig(
        config_version=4.0,
        plugins_directory=None,
        stores={
            "expectations": {
                "class_name": "ExpectationsStore",
                "store_backend": _folder("TupleFilesystemStoreBackend", store / "expectations"),
            },
            "validations": {
                "class_name": "ValidationResultsStore",
                "store_backend": _folder("TupleFilesystemStoreBackend", store / "validations"),
            },
            "checkpoints": {"class_name": "CheckpointStore"},
            "validation_definition_store": {"class_name": "ValidationDefinitionStore"},
        },
        expectations_store_name="expectations",
        validation_results_store_name="validations",
        checkpoint_store_name="checkpoints",
        data_docs_sites={
            _SITE: {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": _folder("TupleFilesystemStoreBackend", pages),
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            }
        },
        # of this context; `silence_telemetry` turns off what runs before there is one
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _folder(kind: str, path: Path) -> dict[str, Any]:
    return {"class_name": kind, "base_directory": str(path)}


def _validation_result(suite: Any, results: list[Any], found: TableResult) -> tuple[Any, Any]:
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    name = re.sub(r"[^A-Za-z0-9-]", "-", found.run_id)
    # the day comes first, so that the quality page finds the pages of a night by name
    run = RunIdentifier(run_name=f"{found.day}__{name}", run_time=found.checked_at)
    passed = sum(result.success for result in results)
    # built by hand: only a validator with a batch of rows would build one for us
    value = ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=suite.name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={
            "run_id": run,
            "validation_time": found.checked_at.isoformat(),
            "great_expectations_version": great_expectations().__version__,
            "contract_version": found.contract_version,
            "unit": found.unit,
            "batch_spec": {"data_asset_name": found.table},
        },
    )
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=suite.name),
        run_id=run,
        batch_identifier=found.table,
    )
    return key, value
