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
from lakeward.fhir.raw import load as fhir
from lakeward.hl7v2.flat.sequence_gaps import HEADERS, count_sequence_gaps
from lakeward.hl7v2.raw import load as hl7v2
from lakeward.lake.tables import Lake, TableSpec, TableWrite

OWN_SPEC = "own_spec_is_right"
"""Check of a view or segment spec that the deployment brought: it can be read and run."""

Problems = dict[str, str]
"""What is wrong with specs of the deployment, by the table that shows it."""


@dataclass(frozen=True)
class Flattening:
    """How one format's raw table becomes flat tables.

    Attributes:
        group: The format.
        raw: Its raw table.
        tables: Its flat tables.
        specs: Folder of the home with specs of the deployment.
        flatten: Brings them up to the raw table; notes what is wrong with specs of the deployment.
        own: The tables that specs of the deployment fill; those do not stop the others.
        wrong: What was wrong with such specs when the code was loaded.
        facts: Gives counts by table and name, over all that is stored.
    """

    group: str
    raw: TableSpec
    tables: Sequence[TableSpec]
    specs: str
    flatten: Callable[[Lake, Problems], list[TableWrite]]
    own: frozenset[str] = frozenset()
    wrong: Mapping[str, str] = field(default_factory=dict)
    facts: Callable[[Lake], Mapping[str, Mapping[str, Any]]] = lambda _lake: {}


def flat_assets(home: Home) -> list[dg.AssetsDefinition]:
    """Make one step per format, with an asset for each flat table, the home's own specs among."""
    return [_flat_step(_fhir(home)), _flat_step(_hl7v2(home))]


def _hl7v2(home: Home) -> Flattening:
    own = home.root / "segments"

    def flatten(lake: Lake, problems: Problems) -> list[TableWrite]:
        problems |= hl7v2.spec_problems(own)
        return hl7v2.flatten(lake, own)

    tables = hl7v2.flat_tables(own)
    return Flattening(
        group="hl7v2",
        raw=hl7v2.RAW,
        tables=tables,
        specs="segments",
        flatten=flatten,
        own=_beyond(tables, hl7v2.flat_tables()),
        wrong=hl7v2.spec_problems(own),
        facts=lambda lake: {HEADERS: count_sequence_gaps(lake)},
    )


def _fhir(home: Home) -> Flattening:
    own_views, wrong = home.root / "views", Problems()
    tables = fhir.flat_tables(own_views, _noted_in(wrong))
    return Flattening(
        group="fhir",
        raw=fhir.RAW,
        tables=tables,
        specs="views",
        flatten=lambda lake, problems: fhir.flatten(lake, own_views, _noted_in(problems)),
        own=_beyond(tables, fhir.flat_tables()),
        wrong=wrong,
    )


def _beyond(tables: Sequence[TableSpec], packaged: Sequence[TableSpec]) -> frozenset[str]:
    return frozenset({table.name for table in tables} - {table.name for table in packaged})


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
                OWN_SPEC,
                asset=table,
                description=f"Its file in the home's `{step.specs}/` can be read and run",
            )
            for table in checked
        ],
        pool=WRITER_POOL,
    )
    @told_safely
    def _flat(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake, problems = home.lake(), Problems()
        writes = {write.table: write for write in step.flatten(lake, problems)}
        facts = step.facts(lake)
        for name in sorted(problems.keys() - set(checked)):  # a file that came after the code
            context.log.error(problems[name])
        for table in step.tables:
            name = table.name
            if name not in step.own or name not in problems:
                yield table_result(lake, name, writes.get(name), extra=facts.get(name))
        for name in checked:
            yield dg.AssetCheckResult(
                check_name=OWN_SPEC,
                asset_key=name,
                passed=name not in problems,
                description=problems.get(name),
            )

    return _flat


def _specs(step: Flattening) -> Iterator[dg.AssetSpec]:
    """Describe the tables; one whose spec is wrong has a place, but nothing to show in it."""
    deps, kinds = [dg.AssetKey(step.raw.name)], {"deltalake", step.group}
    for table in step.tables:
        spec = table_asset(table, group=step.group, kinds=kinds, deps=deps)
        yield spec.replace_attributes(skippable=table.name in step.own)
    for name in sorted(step.wrong.keys() - {table.name for table in step.tables}):
        broken = TableSpec(name, (), description=step.wrong[name])
        spec = table_asset(broken, group=step.group, kinds=kinds, deps=deps)
        yield spec.replace_attributes(skippable=True)
