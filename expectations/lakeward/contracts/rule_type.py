"""What a kind of rule says about itself, and the forms of ODCS in which it is written.

One file of `rule_types` makes one `RuleType`. A rule type that leaves out a part of its check does
not type-check; one without a form, or that nobody registered, fails a test.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lakeward.contracts.model import Check, Rule, Severity
from lakeward.contracts.threshold import NONE_AT_ALL

if TYPE_CHECKING:
    from open_data_contract_standard.model import Relationship, SchemaObject, SchemaProperty

Arguments = Mapping[str, Any]

TableReader = Callable[[str, "SchemaObject"], Iterator[Rule]]
ColumnReader = Callable[[str, "SchemaProperty"], Iterator[Rule]]
RelationshipReader = Callable[[str, "SchemaObject", "Relationship", str | None], Rule]
QualityReader = Callable[[str, "QualityPlace", Arguments], Check | None]


@dataclass(frozen=True)
class QualityPlace:
    """Where a `quality` entry stands: on a column, or on the table (`column` None).

    `query` is the text of an entry of type sql.
    """

    column: str | None = None
    holds_text: bool = False
    query: str = ""


@dataclass(frozen=True)
class QualityForm:
    """A `quality` entry of ODCS that becomes this rule.

    Attributes:
        read: Makes the check from where the entry stands and its arguments; None: only words.
        type: Type of the entry.
        metric: Metric of an entry of type library.
        arguments: Names of the arguments that are read; any other is an error.
        chosen_by: The argument that decides between rules that share a metric.
        on_column: Whether the entry must stand on a column.
        in_percent: Whether a share of rows means anything.
        dimension: Quality dimension, unless the entry names one.
    """

    read: QualityReader
    type: Literal["library", "sql", "text"] = "library"
    metric: str = ""
    arguments: frozenset[str] = frozenset()
    chosen_by: str = ""
    on_column: bool = True
    in_percent: bool = True
    dimension: str = "consistency"


@dataclass(frozen=True)
class RuleType:
    """One kind of rule: its name, and each place of an ODCS schema that it is read from.

    Attributes:
        from_table: Reads what the schema promises by listing its columns.
        from_keys: Reads what the primary key promises.
        from_relationship: Reads one relationship, of the table or of a column.
        from_column: Reads keywords of a column (`required`, `enum`, `logicalTypeOptions`, …).
        options: Keys of `logicalTypeOptions` that `from_column` reads.
        quality: The `quality` entry that becomes this rule.
    """

    name: str
    from_table: TableReader | None = None
    from_keys: TableReader | None = None
    from_relationship: RelationshipReader | None = None
    from_column: ColumnReader | None = None
    options: frozenset[str] = frozenset()
    quality: QualityForm | None = None


def promise(rule_id: str, check: Check, dimension: str) -> Rule:
    """Make a rule that nothing may break, described in the sentence of its check."""
    return Rule(rule_id, check, NONE_AT_ALL, Severity.ERROR, dimension, check.sentence() or rule_id)
