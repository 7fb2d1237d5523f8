"""Assets of the flat layer: one typed table per FHIR view and per HL7 v2 segment."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from lakeward.assets.failure import told_safely
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.core.errors import SpecError
from lakeward.core.paths import Home
from lakeward.fhir import ingest as fhir
from lakeward.hl7v2 import ingest as hl7v2
from lakeward.hl7v2.sequence import HEADERS, sequence_facts
from lakeward.lake.tables import Lake, TableSpec, TableWrite

OWN_VIEW = "own_view_is_right"
"""Check of a view that the deployment brought: it is read, compiled and run."""

Problems = dict[str, str]
"""What is wrong with views of the deployment, by the table that shows it."""


@dataclass(frozen=True)
class Flattening:
    """How one format's raw table becomes flat tables.

    Attributes:
        group: The format.
        raw: Its raw table.
        tables: Its flat tables.
        flatten: Brings them up to the raw table; notes what is wrong with views of the deployment.
        own: The tables that views of the deployment fill; those do not stop the others.
        wrong: What was wrong with such views when the code was loaded.
        facts: Gives counts by table and name, over all that is stored.
        left_out: Gives what is wrong with segment specs of the deployment, which are left out.
    """

    group: str
    raw: TableSpec
    tables: Sequence[TableSpec]
    flatten: Callable[[Lake, Problems], list[TableWrite]]
    own: frozenset[str] = frozenset()
    wrong: Mapping[str, str] = field(default_factory=dict)
    facts: Callable[[Lake], Mapping[str, Mapping[str, Any]]] = lambda _lake: {}
    left_out: Callable[[], Sequence[SpecError]] = tuple


def flat_assets(home: Home) -> list[dg.AssetsDefinition]:
    """Make one step per format, with an asset for each flat table, the home's own specs among."""
    own_segments = home.root / "segments"
    hl7v2_step = Flattening(
        "hl7v2",
        hl7v2.RAW,
        hl7v2.flat_tables(own_segments),
        lambda lake, _: hl7v2.flatten(lake, own_segments),
        facts=lambda lake: {HEADERS: sequence_facts(lake)},
        left_out=lambda: hl7v2.spec_problems(own_segments),
    )
    return [_flat_step(_fhir(home)), _flat_step(hl7v2_step)]


def _fhir(home: Home) -> Flattening:
    own_views, wrong = home.root / "views", Problems()
    tables = fhir.flat_tables(own_views, _noted_in(wrong))
    packaged = {table.name for table in fhir.flat_tables()}
    return Flattening(
        group="fhir",
        raw=fhir.RAW,
        tables=tables,
        flatten=lambda lake, problems: fhir.flatten(lake, own_views, _noted_in(problems)),
        own=frozenset(table.name for table in tables if table.name not in packaged),
        wrong=wrong,
    )


def _noted_in(problems: Problems) -> Callable[[str, SpecError], None]:
    def note(table: str, error: SpecError) -> None:
        problems[table] = "\n".join(filter(None, (problems.get(table), str(error))))

    return note


def _flat_step(step: Flattening) -> dg.AssetsDefinition:
    checked = sorted({*step.own, *step.wrong})

    @dg.multi_asset(
        name=f"{step.group}_flat",
        specs=[*_specs(step)],
        check_specs=[
            dg.AssetCheckSpec(
                OWN_VIEW, asset=table, description="The view in the home's `views/` can be run"
            )
            for table in checked
        ],
        pool=WRITER_POOL,
    )
    @told_safely
    def _flat(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # A wrong spec of the site costs its own table only: the night goes on without it.
        for problem in step.left_out():
            context.log.error(str(problem))
        lake, problems = home.lake(), Problems()
        writes = {write.table: write for write in step.flatten(lake, problems)}
        facts = step.facts(lake)
        for table in step.tables:
            name = table.name
            if name not in step.own or name not in problems:
                yield table_result(lake, name, writes.get(name), extra=facts.get(name))
        for name in checked:
            yield dg.AssetCheckResult(
                check_name=OWN_VIEW,
                asset_key=name,
                passed=name not in problems,
                description=problems.get(name),
            )

    return _flat


def _specs(step: Flattening) -> Iterator[dg.AssetSpec]:
    """Describe the tables; one whose view is wrong has a place, but nothing to show in it."""
    deps, kinds = [dg.AssetKey(step.raw.name)], {"deltalake", step.group}
    for table in step.tables:
        spec = table_asset(table, group=step.group, kinds=kinds, deps=deps)
        yield spec.replace_attributes(skippable=table.name in step.own)
    for name in sorted(step.wrong.keys() - {table.name for table in step.tables}):
        broken = TableSpec(name, (), description=step.wrong[name])
        spec = table_asset(broken, group=step.group, kinds=kinds, deps=deps)
        yield spec.replace_attributes(skippable=True)
