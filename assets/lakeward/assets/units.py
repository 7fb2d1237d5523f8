"""Assets under contract: built by dbt as candidates, judged in the same step, then released.

A unit is what is published together: the canonical store, or one worklist or metric. The step that
builds a unit also judges it, so a broken rule of severity error stops everything after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from graphlib import TopologicalSorter

import dagster as dg

from lakeward.assets.failure import told_safely
from lakeward.assets.home import BusinessDay, LakewardHome
from lakeward.assets.lineage import tables_read_by
from lakeward.assets.metadata import WRITER_POOL, table_asset, table_result
from lakeward.contracts import Contract, load_contracts
from lakeward.contracts.model import Severity
from lakeward.core.errors import PermanentError
from lakeward.core.settings import Settings
from lakeward.expectations.rule_results import RuleResult, UnitResult
from lakeward.expectations.unit import check_unit, recorded_result
from lakeward.lake.candidate import contract_table
from lakeward.lake.dbt import build
from lakeward.lake.release import Release, current, decide, newest_day

CANONICAL = "canonical"
CONTRACT_CHECK = "contract"
WARNING_CHECK = "contract_warnings"


@dataclass(frozen=True)
class Unit:
    """What is released together: its contracts and the dbt selection that builds it."""

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
        """Name the asset that publishes this unit."""
        return dg.AssetKey(f"release__{self.short}")


def units() -> list[Unit]:
    """List the units that contracts name, the canonical store first."""
    contracts = load_contracts().values()
    names = sorted({c.unit for c in contracts}, key=lambda n: (n != CANONICAL, n))
    return [_unit(n, _upstream_first([c for c in contracts if c.unit == n])) for n in names]


def unit_assets(days: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Make, for each unit, the step that builds and judges it and the asset that releases it."""
    made: list[dg.AssetsDefinition] = []
    for unit in units():
        upstream = [] if unit.name == CANONICAL else [dg.AssetKey(f"release__{CANONICAL}")]
        partitions = None if unit.name == CANONICAL else days
        made += [_candidate_step(unit, upstream, partitions), _release_asset(unit, partitions)]
    return made


def _upstream_first(contracts: Sequence[Contract]) -> tuple[Contract, ...]:
    """Order tables so that each comes after those it reads, as Dagster wants them reported."""
    named = {contract.name: contract for contract in contracts}
    reads = {name: tables_read_by(name) & named.keys() - {name} for name in named}
    return tuple(named[name] for name in TopologicalSorter(reads).static_order())


def _unit(name: str, contracts: tuple[Contract, ...]) -> Unit:
    if name == CANONICAL:
        return Unit(name, name, contracts, ("+path:models/canonical",))
    group = "worklists" if name.startswith("worklist") else "metrics"
    return Unit(name, group, contracts, tuple(c.name for c in contracts))


def _candidate_step(
    unit: Unit, upstream: list[dg.AssetKey], partitions: dg.PartitionsDefinition[str] | None
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=unit.name,
        specs=[_spec(unit, contract, upstream) for contract in unit.contracts],
        check_specs=[check for contract in unit.contracts for check in _checks(contract)],
        partitions_def=partitions,
        pool=WRITER_POOL,
    )
    @told_safely
    def _candidate(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        settings, today = home.settings(), home.day_of(context)
        if unit.name == CANONICAL:
            _refuse_past(home, today)
        else:
            _require_canonical(home, today)
        runs = _built(context, settings, unit, today)
        result = check_unit(settings, unit.name, day=today.day, run_id=context.run.run_id)
        if result.broken:
            _decide(home, result, today, context.run.run_id)
        yield from _results(home, unit, runs)
        yield from _check_results(result)

    return _candidate


def _built(
    context: dg.AssetExecutionContext, settings: Settings, unit: Unit, today: BusinessDay
) -> dict[str, float]:
    """Build a unit; give the seconds by model.

    The first list of a run builds those of the whole run, since starting dbt takes longer than a
    list. A list that failed there is built once more by its own step, which then tells why.
    """
    run = context.run
    if unit.name != CANONICAL:
        selected = frozenset(k.to_user_string() for k in run.asset_selection or ())
        built = _lists_built(settings, run.run_id, selected, today)
        if all(contract.name in built for contract in unit.contracts):
            return built
    return {m.model: m.seconds for m in build(settings, unit.select, today.variables)}


@lru_cache(maxsize=1)
def _lists_built(
    settings: Settings, run_id: str, selected: frozenset[str], today: BusinessDay
) -> dict[str, float]:
    """Build the lists of a run, each whatever becomes of the others; `selected` empty means all."""
    del run_id
    names = [c.name for u in units() if u.name != CANONICAL for c in u.contracts]
    wanted = [name for name in names if not selected or name in selected]
    models = build(settings, wanted, today.variables, keep_going=True)
    return {model.model: model.seconds for model in models}


def _release_asset(
    unit: Unit, partitions: dg.PartitionsDefinition[str] | None
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
                    f"Publishes {unit.short}: one commit pins the table versions that passed their"
                    " contracts; readers see nothing else."
                ),
                deps=[dg.AssetKey(contract.name) for contract in unit.contracts],
            )
        ],
        partitions_def=partitions,
        pool=WRITER_POOL,
    )
    @told_safely
    def _release(
        context: dg.AssetExecutionContext, home: LakewardHome
    ) -> Iterator[dg.MaterializeResult[None]]:
        result = recorded_result(home.lake(), unit.name)
        release = _decide(home, result, home.day_of(context), context.run.run_id)
        yield dg.MaterializeResult(
            metadata={
                "release_id": release.release_id,
                "state": release.state,
                "tables": len(release.pins),
                "contract_version": release.contract_version,
                "as_of": release.as_of.isoformat(),
            }
        )

    return _release


def _spec(unit: Unit, contract: Contract, upstream: list[dg.AssetKey]) -> dg.AssetSpec:
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


def _refuse_past(home: LakewardHome, today: BusinessDay) -> None:
    """Refuse to rebuild a day behind the newest released one: it would tell what is known now."""
    newest = newest_day(home.lake())
    if newest is not None and today.day < newest:
        raise PermanentError(
            f"day {today.day}",
            f"is older than the newest released day {newest}",
            f"{newest} or later",
            "run `publish` to issue the older day again from its release",
        )


def _require_canonical(home: LakewardHome, today: BusinessDay) -> None:
    """Refuse to build a list of one day from a canonical store of another."""
    released = current(home.lake(), CANONICAL)
    if released is None or released.day != today.day:
        shown = f"of {released.day}" if released else "not released"
        raise PermanentError(
            f"day {today.day}",
            f"the canonical store is {shown}",
            "the released day",
            "run `nightly` for the day, or `publish` to issue an older one again",
        )


def _decide(home: LakewardHome, result: UnitResult, today: BusinessDay, run_id: str) -> Release:
    return decide(
        home.lake(),
        result.unit,
        result.pins,
        day=today.day,
        as_of=today.as_of,
        contract_version=result.contract_version,
        held_by=result.broken,
        run_id=run_id,
    )


def _results(
    home: LakewardHome, unit: Unit, seconds: Mapping[str, float]
) -> Iterator[dg.MaterializeResult[None]]:
    lake = home.lake()
    for contract in unit.contracts:
        extra = {"build_seconds": round(seconds.get(contract.name, 0.0), 3)}
        yield table_result(lake, contract.name, extra=extra)


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
    named = "; ".join(f"{r.rule_id}: {r.unexpected} of {r.evaluated}" for r in broken)
    return f"{len(broken)} of {len(rules)} rules broken: {named}"


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
