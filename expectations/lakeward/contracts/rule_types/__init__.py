"""The kinds of rules a contract may hold: one file each, registered in `RULE_TYPES`.

A file says how its rule is written in ODCS, which columns it reads, the SQL that counts, the
sentence for the reader, and the expectation that decides. To add a rule type, write such a file and
add a line below; nothing else names a rule type.
"""

from lakeward.contracts.rule_type import RuleType
from lakeward.contracts.rule_types import (
    column_types,
    duplicates,
    missing_values,
    nulls,
    off_pattern,
    outside_length,
    outside_range,
    outside_set,
    query_result,
    remark,
    row_count,
    unreferenced,
)

RULE_TYPES: tuple[RuleType, ...] = (
    column_types.RULE_TYPE,
    row_count.RULE_TYPE,
    nulls.RULE_TYPE,
    missing_values.RULE_TYPE,
    duplicates.RULE_TYPE,
    outside_set.RULE_TYPE,
    off_pattern.RULE_TYPE,
    outside_range.RULE_TYPE,
    outside_length.RULE_TYPE,
    unreferenced.RULE_TYPE,
    query_result.RULE_TYPE,
    remark.RULE_TYPE,
)
"""In the order in which the rules of one column are listed: manifests name broken rules by it."""
