"""Assets under contract: built by dbt as candidates, checked in the same step, then released.

A release unit is what is released together: the canonical store, or one worklist or metric. The
step that builds a unit also checks it, so a broken rule of severity error stops everything after.

    canonical  build, check ──> release__canonical ─┬─> worklist__x  build, check ──> release__x
                                                    └─> metric__y    build, check ──> release__y
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter

import dagster as dg

from lakeward.assets.broken import broken_contract, counts_of
from lakeward.assets.failure import without_record_values
from lakeward.assets.home import BusinessDay, LakewardHome
from lakeward.assets.leaving_out import none_withheld, withheld_check, without_records, without_rows
from lakeward.assets.lineage import tables_read_by
from lakeward.assets.list_builds import ListBuilds
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.assets.unit_facts import facts_of
from lakeward.contracts import Contract, load_contracts
from lakeward.contracts.model import Severity
from lakeward.core.errors import PermanentError
from lakeward.core.settings import Settings
from lakeward.expectations.rule_results import RuleResult, UnitResult
from lakeward.expectations.unit import check_unit, recorded_result
from lakeward.lake.candidate import contract_table
from lakeward.lake.dbt import build
from lakeward.lake.release import Decision, current, decide, newest_day
from lakeward.lake.seed_overrides import read_overrides
from lakeward.lake.tables import ensure_table
from lakeward.landing.coverage_record import COVERAGE
from lakeward.quarantine.withheld import WITHHELD, readmit_all_of

CANONICAL = "canonical"
CONTRACT_CHECK = "contract"
WARNING_CHECK = "contract_warnings"


@dataclass(frozen=True)
class ReleaseUnit:
    """What is released together.

    Attributes:
        name: The unit as contracts name it.
        group: Asset group of its tables.
        contracts: One a table, each after those that it reads.
        select: The dbt selection that builds it.
    """

    name: str
    group: str
    contracts: tuple[Contract, ...]
    select: tuple[str, ...]

    @property
    def short(self) -> str:
        """Name without its layer: `appointment_reminders` of `worklist__appointment_reminders`."""
        return self.name.split("__", 1)[-1]

    @property
    def release_key(self) -> dg.AssetKey:
        """Name the asset that releases this unit."""
        return dg.AssetKey(f"release__{self.short}")


def release_units() -> list[ReleaseUnit]:
    """List the units that contracts name, the canonical store first."""
    contracts = load_contracts().values()
    names = sorted({c.unit for c in contracts}, key=lambda n: (n != CANONICAL, n))
    return [_unit(n, _upstream_first([c for c in contracts if c.unit == n])) for n in names]


def unit_assets(days: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Make, for each unit, the step that builds and checks it and the asset that releases it."""
    made: list[dg.AssetsDefinition] = []
    for unit in release_units():
        # what is known of the sources is recorded before anything is built on them
        before = COVERAGE.name if unit.name == CANONICAL else f"release__{CANONICAL}"
        upstream = [dg.AssetKey(before)]
        # the store is one state that goes on, a list belongs to one day
        partitions = None if unit.name == CANONICAL else days
        made += [_candidate_step(unit, upstream, partitions), _release_asset(unit, partitions)]
    return made


def _upstream_first(contracts: Sequence[Contract]) -> tuple[Contract, ...]:
    """Order tables so that each comes after those it reads, as Dagster wants them reported."""
    named = {contract.name: contract for contract in contracts}
    reads = {name: tables_read_by(name) & named.keys() - {name} for name in named}
    return tuple(named[name] for name in TopologicalSorter(reads).static_order())


def _unit(name: str, contracts: tuple[Contract, ...]) -> ReleaseUnit:
    if name == CANONICAL:
        # `+`: with the seeds and views that the tables stand on; a list stands on released tables
        return ReleaseUnit(name, name, contracts, ("+path:models/canonical",))
    group = "worklists" if name.startswith("worklist") else "metrics"
    return ReleaseUnit(name, group, contracts, tuple(c.name for c in contracts))


def _candidate_step(
    unit: ReleaseUnit, upstream: list[dg.AssetKey], partitions: dg.PartitionsDefinition[str] | None
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=unit.name,
        specs=[_spec(unit, contract, upstream) for contract in unit.contracts],
        check_specs=[check for contract in unit.contracts for check in _checks(contract)],
        partitions_def=partitions,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _candidate(
        context: dg.AssetExecutionContext,
        home: LakewardHome,
        lists: dg.ResourceParam[ListBuilds],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        settings, today = home.settings(), home.day_of(context)
        if unit.name == CANONICAL:
            _reject_past(home, today)
            ensure_table(home.lake(), WITHHELD)
            seconds = _build(settings, unit, today)
        else:
            _require_canonical(home, today)
            seconds = _build_list(context, settings, unit, today, lists)
        run_id = context.run.run_id
        result = check_unit(settings, unit.name, day=today.day, run_id=run_id)
        if unit.name == CANONICAL and result.broken:
            build_again = partial(_build, settings, unit, today)
            result = without_records(settings, today, result, run_id, build_again)
        result = without_rows(settings, today, result, run_id)
        if result.broken:
            readmit_all_of(home.lake(), run_id)
            # the failed check below ends the run before the release asset: enter the hold here
            decide(home.lake(), _decision(settings, result, today, run_id))
        yield from _results(home, unit, seconds)
        yield from _check_results(result)
        if result.broken:
            # before Dagster stops the run for the failed check with a stack trace of its own
            raise broken_contract(result, unit.contracts)

    return _candidate


def _build_list(
    context: dg.AssetExecutionContext,
    settings: Settings,
    unit: ReleaseUnit,
    today: BusinessDay,
    lists: ListBuilds,
) -> Mapping[str, float]:
    """Build the lists of the run, unless an earlier step has; return the seconds by model.

    A list that failed there is built once more by its own step, so that the error of this step
    names it.
    """
    # an empty selection of the run means all assets of its job
    keys = context.run.asset_selection or context.job_def.asset_layer.executable_asset_keys
    selected = {key.to_user_string() for key in keys}
    names = [c.name for u in release_units() if u.name != CANONICAL for c in u.contracts]
    built = lists.build_once(settings, [name for name in names if name in selected], today)
    if all(contract.name in built for contract in unit.contracts):
        return built
    return _build(settings, unit, today)


def _build(settings: Settings, unit: ReleaseUnit, today: BusinessDay) -> Mapping[str, float]:
    return {m.model: m.seconds for m in build(settings, unit.select, today.variables)}


def _release_asset(
    unit: ReleaseUnit, partitions: dg.PartitionsDefinition[str] | None
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=unit.release_key.to_user_string(),
        specs=[
            dg.AssetSpec(
                unit.release_key,
                group_name=unit.group,
                kinds={"deltalake"},
                owners=[unit.contracts[0].owner],
                description=(
                    f"Releases {unit.short}: one commit pins the table versions that passed their"
                    " contracts; readers see nothing else."
                ),
                deps=[dg.AssetKey(contract.name) for contract in unit.contracts],
            )
        ],
        check_specs=[withheld_check(unit.release_key)],
        partitions_def=partitions,
        pool=WRITER_POOL,
    )
    @without_record_values
    def _release(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # from the history, with the versions that were checked: a candidate that was written since
        # must not be released by a result that is not its own
        result = recorded_result(home.lake(), unit.name)
        today, run_id = home.day_of(context), context.run.run_id
        decision = _decision(home.settings(), result, today, run_id)
        release = decide(home.lake(), decision)
        yield dg.MaterializeResult(
            metadata={
                "release_id": release.release_id,
                "state": release.state,
                "tables": len(release.pins),
                "contract_version": release.contract_version,
                "as_of": release.as_of.isoformat(),
                "overrides": ", ".join(release.overrides) or "none",
            }
        )
        is_store = unit.name == CANONICAL
        yield none_withheld(home.lake(), unit.release_key, unit.name, with_records=is_store)

    return _release


def _spec(unit: ReleaseUnit, contract: Contract, upstream: list[dg.AssetKey]) -> dg.AssetSpec:
    reads = sorted(tables_read_by(contract.name) - {contract.name})
    return table_asset(
        contract_table(contract),
        group=unit.group,
        kinds={"dbt", "duckdb", "deltalake"},
        deps=[*(dg.AssetKey(name) for name in reads), *upstream],
        tags={"domain": contract.domain},
    )


def _checks(contract: Contract) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            CONTRACT_CHECK,
            asset=contract.name,
            blocking=True,
            description=f"Rules of severity error of contract {contract.id} {contract.version}",
        ),
        dg.AssetCheckSpec(
            WARNING_CHECK,
            asset=contract.name,
            description=f"Rules of severity warning of contract {contract.id} {contract.version}",
        ),
    ]


def _reject_past(home: LakewardHome, today: BusinessDay) -> None:
    """Reject a day behind the newest released one: rebuilt, it would state what is known now."""
    newest = newest_day(home.lake())
    if newest is not None and today.day < newest:
        raise PermanentError(
            f"day {today.day}",
            f"is older than the newest released day {newest}",
            f"{newest} or later",
            "run `publish` to issue the older day again from its release",
        )


def _require_canonical(home: LakewardHome, today: BusinessDay) -> None:
    """Reject a list of one day on a canonical store of another."""
    released = current(home.lake(), CANONICAL)
    if released is None or released.day != today.day:
        shown = f"of {released.day}" if released else "not released"
        raise PermanentError(
            f"day {today.day}",
            f"the canonical store is {shown}",
            "the released day",
            "run `nightly` for the day, or `publish` to issue an older one again",
        )


def _decision(settings: Settings, result: UnitResult, today: BusinessDay, run_id: str) -> Decision:
    return Decision(
        unit=result.unit,
        pins=result.pins,
        day=today.day,
        as_of=today.as_of,
        contract_version=result.contract_version,
        held_by=result.broken,
        run_id=run_id,
        overrides=tuple(override.stamp for override in read_overrides(settings.home)),
    )


def _results(
    home: LakewardHome, unit: ReleaseUnit, seconds: Mapping[str, float]
) -> Iterator[dg.MaterializeResult[None]]:
    lake = home.lake()
    for contract in unit.contracts:
        extra = {"build_seconds": round(seconds.get(contract.name, 0.0), 3)}
        facts = facts_of(lake, contract.name)
        yield table_result(lake, contract.name, extra={**extra, **facts})


def _check_results(result: UnitResult) -> Iterator[dg.AssetCheckResult]:
    for table in result.tables:
        for name, severity, broken in (
            (CONTRACT_CHECK, Severity.ERROR, table.errors),
            (WARNING_CHECK, Severity.WARNING, table.warnings),
        ):
            rules = [r for r in table.results if r.severity is severity]
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=table.table,
                passed=not broken,
                severity=dg.AssetCheckSeverity.ERROR
                if severity is Severity.ERROR
                else dg.AssetCheckSeverity.WARN,
                description=_sentence(rules, broken),
                metadata={
                    "rules": len(rules),
                    "broken": len(broken),
                    "unexpected": sum(r.unexpected for r in rules),
                    "by_rule": _rule_table(rules),
                },
            )


def _sentence(rules: Sequence[RuleResult], broken: Sequence[RuleResult]) -> str:
    if not broken:
        return f"All {len(rules)} rules hold."
    return f"{len(broken)} of {len(rules)} rules broken: {counts_of(broken)}"


def _rule_table(rules: Sequence[RuleResult]) -> dg.TableMetadataValue:
    columns = ("rule", "passed", "evaluated", "unexpected", "dimension", "promise")
    kinds = ("string", "bool", "int", "int", "string", "string")
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "rule": r.rule_id,
                    "passed": r.passed,
                    "evaluated": r.evaluated,
                    "unexpected": r.unexpected,
                    "dimension": r.dimension,
                    "promise": r.description,
                }
            )
            for r in rules
        ],
        schema=dg.TableSchema(
            columns=[dg.TableColumn(n, k) for n, k in zip(columns, kinds, strict=True)]
        ),
    )
