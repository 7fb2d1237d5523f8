"""Assets that tell what is known of FHIR data.

Where statements collide, which references name nothing, which exports came whole. They are
relations over the lake and write nothing.
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
class Told:
    """A relation, what it says, counts of it by name, and what should not be there.

    `wrong` counts what should not be there, `wrongs` names it after its number, `promise` says that
    there is none.
    """

    relation: str
    says: str
    counts: str
    wrong: str
    wrongs: str
    promise: str


TOLD = (
    Told(
        "fhir_collision",
        "Where statements about one FHIR resource meet, by what decided",
        "select kind, sum(ids) from fhir_collision group by kind order by kind",
        "select coalesce(sum(ids), 0) from fhir_collision"
        " where kind in ('output_and_deleted_in_one_export', 'deletion_not_applied')",
        "deletion(s) that contradict their export or name no resource",
        "No export holds and deletes a resource, and every deletion names one",
    ),
    Told(
        "unresolved_reference",
        "References of current FHIR resources that name nothing current",
        "select kind, sum(count) from unresolved_reference group by kind order by kind",
        "select coalesce(sum(count), 0) from unresolved_reference"
        " where kind in ('contained', 'malformed')",
        "reference(s) that cannot be read, or name a contained resource that is not there",
        "Every reference can be read, and what it says to be contained is",
    ),
    Told(
        "load_completeness",
        "What each FHIR export promised and what came of it",
        "select case when is_complete then 'complete' when is_complete is null then 'unpromised'"
        " else 'incomplete' end, count(*) from load_completeness group by 1 order by 1",
        "select count(*) from load_completeness where not is_complete"
        " and transaction_time > coalesce(last_complete_at, '-infinity'::timestamptz)",
        "type(s) whose last export did not come whole",
        "The last export of every type came whole",
    ),
)
CHECK = "nothing_wrong"


def truth_asset() -> dg.AssetsDefinition:
    """Make the assets of these relations, with a warning where something is wrong."""

    @dg.multi_asset(
        name="fhir_truth",
        specs=[
            dg.AssetSpec(
                told.relation,
                group_name="fhir",
                kinds={"duckdb", "view"},
                owners=["team:data-platform"],
                description=f"{told.says}.",
                deps=sorted(relations()[told.relation].tables()),
            )
            for told in TOLD
        ],
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=told.relation, description=told.promise) for told in TOLD
        ],
    )
    @without_record_values
    def _truth(home: LakewardHome) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with connect(home.lake()) as connection:
            for told in TOLD:
                counts = _counts(connection, told.counts)
                total = sum(counts.values())
                yield dg.MaterializeResult(
                    asset_key=told.relation,
                    metadata={"dagster/row_count": total, **counts},
                )
                wrong = int(connection.execute(told.wrong).fetchall()[0][0])
                yield dg.AssetCheckResult(
                    check_name=CHECK,
                    asset_key=told.relation,
                    passed=wrong == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{wrong} {told.wrongs}" if wrong else None,
                    metadata={"wrong": wrong},
                )

    return _truth


def _counts(connection: Connection, query: str) -> Mapping[str, Any]:
    return {str(kind): int(count) for kind, count in connection.execute(query).fetchall()}
