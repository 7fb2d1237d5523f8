"""Every value matches a regular expression: of RE2, the engine that runs them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakeward.contracts.model import Aggregates, ColumnRef, Contract, Expectation, Rule
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType, promise
from lakeward.contracts.sentences import readable
from lakeward.contracts.sql_text import any_element, column_of, count_values, literal
from lakeward.contracts.threshold import Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import SchemaProperty

_NOT_RE2 = re.compile(r"\(\?(=|!|<=|<!)|\\[1-9]")  # look-around, back-references


@dataclass(frozen=True)
class OffPattern:
    """Values (of a list: lists with an element) in which a regular expression finds nothing."""

    column: str
    pattern: str

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name the column."""
        return (ColumnRef(self.column),)

    def sentence(self) -> str:
        """Say it in words."""
        return f"Every {readable(self.column)} is written in the agreed form."

    def count(self, contract: Contract, day: date) -> Aggregates:
        """Count the values, and those that do not match."""
        # cast: a pattern may be promised of a number or a date
        pattern, column = literal(self.pattern), column_of(contract, self.column)
        return count_values(
            self.column,
            any_element(
                column, lambda value: f"not regexp_matches(cast({value} as varchar), {pattern})"
            ),
        )

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Return the expectation that every value matches."""
        if not threshold.forbids_any:
            return None
        arguments = {"column": self.column, "regex": self.pattern}
        return Expectation("ExpectColumnValuesToMatchRegex", arguments)


def _from_column(where: str, item: "SchemaProperty") -> Iterator[Rule]:
    options = item.logicalTypeOptions or {}
    if "pattern" in options:
        check = OffPattern(str(item.name), _checked(where, options["pattern"]))
        yield promise(f"{item.name}.pattern", check, "conformity")


def _read(where: str, place: QualityPlace, arguments: Arguments) -> OffPattern:
    return OffPattern(str(place.column), _checked(where, arguments["pattern"]))


def _checked(where: str, pattern: object) -> str:
    """Reject what is no regular expression, or uses what RE2 lacks."""
    if not isinstance(pattern, str) or _NOT_RE2.search(pattern):
        raise SpecError(
            where, "the pattern cannot run", "RE2 syntax: no look-around, no back-reference"
        )
    # Python's engine finds what is mistyped without a database at hand
    try:
        re.compile(pattern)
    except re.error as error:
        raise SpecError(where, f"the pattern is wrong: {error.msg}", "RE2 syntax") from None
    return pattern


RULE_TYPE = RuleType(
    "off pattern",
    from_column=_from_column,
    options=frozenset({"pattern"}),
    quality=QualityForm(
        _read,
        metric="invalidValues",
        arguments=frozenset({"pattern"}),
        chosen_by="pattern",
        dimension="conformity",
    ),
)
