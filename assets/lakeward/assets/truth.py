"""Assets that report on the quality of FHIR data, each with one check.

Which statements collide, which references point to nothing, which exports came whole. They are
relations over the lake (`fhir/relations`); the assets count their rows and write nothing. A check
warns and never stops a night: these are faults of a source, and the rules of the contracts decide
what may be released.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from lakeward.assets.failure import without_record_values
from lakeward.assets.home import LakewardHome
from lakeward.lake.query import Connection, connect
from lakeward.lake.relations import relations


@dataclass(frozen=True)
class TruthReport:
    """What an asset reports of a relation.

    Attributes:
        relation: Name of the relation and of the asset.
        says: The asset's description.
        counts: Query with one row for each name: name, count. They become metadata.
        wrong: Query that counts what should not be there.
        wrongs: What the check says behind that number.
        promise: The check's description: that there is none.
    """

    relation: str
    says: str
    counts: str
    wrong: str
    wrongs: str
    promise: str


REPORTS = (
    TruthReport(
        "fhir_collision",
        "Where statements about one FHIR resource collide, by what decided",
        "select kind, sum(ids) from fhir_collision group by kind order by kind",
        "select coalesce(sum(ids), 0) from fhir_collision"
        " where kind in ('output_and_deleted_in_one_export', 'deletion_not_applied')",
        "deletion(s) that contradict their export or name no resource",
        "No export holds and deletes a resource, and every deletion names one",
    ),
    TruthReport(
        "unresolved_reference",
        "References of current FHIR resources that point to no current resource",
        "select kind, sum(count) from unresolved_reference group by kind order by kind",
        "select coalesce(sum(count), 0) from unresolved_reference"
        " where kind in ('contained', 'malformed')",
        "reference(s) that cannot be read, or point to a contained resource that is not there",
        "Every reference can be read, and every contained resource that is named is there",
    ),
    TruthReport(
        "load_completeness",
        "What each FHIR export promised and what came of it",
        "select case when is_complete then 'complete' when is_complete is null then 'unpromised'"
        " else 'incomplete' end, count(*) from load_completeness group by 1 order by 1",
        # an incomplete export no longer counts when a later one of the type came whole
        "select count(*) from load_completeness where not is_complete"
        " and transaction_time > coalesce(last_complete_at, '-infinity'::timestamptz)",
        "type(s) whose last export did not come whole",
        "The last export of every type came whole",
    ),
)
CHECK = "nothing_wrong"


def truth_asset() -> dg.AssetsDefinition:
    """Build the assets of these relations, with a check that warns if something is wrong."""

    @dg.multi_asset(
        name="fhir_truth",
        specs=[
            dg.AssetSpec(
                report.relation,
                group_name="fhir",
                kinds={"duckdb", "view"},
                owners=["team:data-platform"],
                description=f"{report.says}.",
                deps=sorted(relations()[report.relation].tables()),
            )
            for report in REPORTS
        ],
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=report.relation, description=report.promise)
            for report in REPORTS
        ],
    )
    @without_record_values
    def _truth(home: LakewardHome) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with connect(home.lake()) as connection:
            for report in REPORTS:
                counts = _counts(connection, report.counts)
                total = sum(counts.values())
                yield dg.MaterializeResult(
                    asset_key=report.relation,
                    metadata={"dagster/row_count": total, **counts},
                )
                wrong = int(connection.execute(report.wrong).fetchall()[0][0])
                yield dg.AssetCheckResult(
                    check_name=CHECK,
                    asset_key=report.relation,
                    passed=wrong == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{wrong} {report.wrongs}" if wrong else None,
                    metadata={"wrong": wrong},
                )

    return _truth


def _counts(connection: Connection, query: str) -> Mapping[str, Any]:
    return {str(kind): int(count) for kind, count in connection.execute(query).fetchall()}
