"""Assets of the flat layer: one typed table per FHIR view and per HL7 v2 segment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.formats import FORMATS
from lakeward.assets.home import LakewardHome
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.assets.source_checks import up_to_date, up_to_date_check
from lakeward.core.paths import Home
from lakeward.lake.causes import cause_of
from lakeward.lake.tables import Lake, TableSpec, ensure_table
from lakeward.landing.formats import Flattened, Format
from lakeward.landing.source_failures import SourceFailure, enter_failures, failure

OWN_SPEC = "own_spec_is_right"
"""Check of a view or segment spec that the deployment brought: it can be read and run."""


@dataclass(frozen=True)
class _FlatStep:
    """The flat tables of a format as the code location found them when it was loaded.

    Attributes:
        format: The format.
        tables: Its flat tables.
        own: Names of those that specs of the deployment fill; they do not stop the others.
        problems: What was wrong with specs of the deployment, by table.
    """

    format: Format
    tables: Sequence[TableSpec]
    own: frozenset[str]
    problems: Mapping[str, str]


def flat_assets(home: Home) -> list[dg.AssetsDefinition]:
    """Build one step per format, with an asset for each flat table, own ones of the home among."""
    return [_flat_asset(_flat_step(home, each)) for each in FORMATS]


def _flat_step(home: Home, format_: Format) -> _FlatStep:
    found = format_.flat_tables(format_.own_specs(home))
    packaged = {table.name for table in format_.flat_tables(None).tables}
    own = frozenset(table.name for table in found.tables) - packaged
    return _FlatStep(format_, found.tables, own, found.problems)


def _flat_asset(step: _FlatStep) -> dg.AssetsDefinition:
    # checks are declared before anything runs, so those of files that were wrong then stay
    checked = sorted({*step.own, *step.problems})

    @dg.multi_asset(
        name=f"{step.format.name}_flat",
        specs=[*_specs(step)],
        check_specs=_check_specs(step, checked),
        pool=WRITER_POOL,
    )
    @without_record_values
    def _flat(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        lake, folders = home.lake(), home.settings().home
        sources = [s.name for s in home.inventory().sources if s.format == step.format.name]
        flattened, failed = _flatten(step, lake, folders, sources, home.day_of(context).day)
        lasting = enter_failures(lake, "flatten", sources, failed)
        writes = {write.table: write for write in flattened.writes}
        problems = flattened.problems
        facts = step.format.flat_facts(lake)
        for name in sorted(problems.keys() - set(checked)):  # of a file newer than this process
            context.log.error(problems[name])
        for table in step.tables:
            name = table.name
            # A wrong file may bear the name of a packaged table, which is filled all the same. An
            # own table whose spec failed was not written: it is not reported as if it had been.
            if name not in step.own or name not in problems:
                yield table_result(lake, name, writes.get(name), extra=facts.get(name))
        yield up_to_date(dg.AssetKey(step.tables[0].name), lasting)
        for name in checked:
            yield dg.AssetCheckResult(
                check_name=OWN_SPEC,
                asset_key=name,
                passed=name not in problems,
                # a wrong file of the home stops no list
                severity=dg.AssetCheckSeverity.WARN,
                description=problems.get(name),
            )

    return _flat


def _check_specs(step: _FlatStep, checked: Sequence[str]) -> list[dg.AssetCheckSpec]:
    can_be_read = f"Its file in the home's `{step.format.specs}/` can be read and run"
    is_whole = f"Every flat table of {step.format.name} holds the records of every source"
    return [
        *(dg.AssetCheckSpec(OWN_SPEC, asset=name, description=can_be_read) for name in checked),
        up_to_date_check(dg.AssetKey(step.tables[0].name), is_whole),
    ]


def _flatten(
    step: _FlatStep, lake: Lake, home: Home, sources: Sequence[str], day: date
) -> tuple[Flattened, list[SourceFailure]]:
    """Bring the flat tables up; return also what they could not hold, by source.

    A table that was not built is read as it was last built, so the store is built all the same.
    """
    try:
        flattened = step.format.flatten(lake, step.format.own_specs(home))
    except Exception as error:  # whatever it is, the other format does not stand on it
        cause = cause_of(error)
        # a table that was never made would stop every model: it is there without rows
        for table in step.tables:
            ensure_table(lake, table)
        return Flattened((), {}), [failure("flatten", day, cause, s) for s in sources]
    failed = [
        failure("flatten", day, lost.cause, source, lost.table)
        for lost in flattened.lost
        for source in ([lost.source] if lost.source else sources)
    ]
    return flattened, failed


def _specs(step: _FlatStep) -> Iterator[dg.AssetSpec]:
    """Describe the tables; one whose spec is wrong has a place, but nothing to show in it."""
    group, deps = step.format.name, [dg.AssetKey(step.format.raw.name)]
    kinds = {"deltalake", group}
    for table in step.tables:
        spec = table_asset(table, group=group, kinds=kinds, deps=deps)
        yield spec.replace_attributes(skippable=table.name in step.own)
    for name in sorted(step.problems.keys() - {table.name for table in step.tables}):
        broken = TableSpec(name, (), description=step.problems[name])
        spec = table_asset(broken, group=group, kinds=kinds, deps=deps)
        yield spec.replace_attributes(skippable=True)
