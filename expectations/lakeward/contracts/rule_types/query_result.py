"""A number that a SELECT of the contract's author returns."""

import re
from dataclasses import dataclass
from datetime import date

from lakeward.contracts.model import ColumnRef, Contract, CountQuery, Expectation, OffendingRows
from lakeward.contracts.rule_type import Arguments, QualityForm, QualityPlace, RuleType
from lakeward.contracts.sql_text import literal, quoted
from lakeward.contracts.threshold import Threshold
from lakeward.core.errors import SpecError


@dataclass(frozen=True)
class Query:
    """One number that a SELECT returns; `{object}` stands for the table, `{day}` for the day."""

    sql: str

    def reads(self) -> tuple[ColumnRef, ...]:
        """Name none: the database says itself which column it does not find."""
        return ()

    def sentence(self) -> None:
        """Leave it to the author: no SQL says what it is for."""
        return

    def count(self, contract: Contract, day: date) -> CountQuery:
        """Return the query of the author, of this table and day."""
        # replaced, not formatted: SQL may hold braces of its own
        sql = self.sql.replace("{object}", quoted(contract.name))
        sql = sql.replace("{day}", f"cast({literal(day.isoformat())} as date)")
        return CountQuery(sql, looks_at_every_row=True, offenders=_offenders(sql, contract))

    def expectation(self, threshold: Threshold) -> Expectation | None:
        """Leave it to our own: theirs wants the rows that break the rule."""
        return None


def _offenders(sql: str, contract: Contract) -> OffendingRows | None:
    """Return what the query counts, if it counts rows of the table; None for any other number."""
    table = re.escape(quoted(contract.name))
    alias = r"(?: (?:as )?(?!(?:as|where|inner|left|join|group|order)\b)(\w+))?"
    counted = re.fullmatch(
        rf"select count\(\*\) from ({table}{alias}(?: .*)?)",
        " ".join(sql.split()),
        re.IGNORECASE,
    )
    # grouped, it counts groups; which rows of a group are wrong it does not say
    if counted is None or re.search(r"\bgroup by\b", counted[1], re.IGNORECASE):
        return None
    compares = len(re.findall(table, counted[1])) > 1
    return OffendingRows(counted[2] or quoted(contract.name), counted[1], compares)


def _read(where: str, place: QualityPlace, arguments: Arguments) -> Query:
    text = place.query.strip().rstrip(";")
    # a rule looks; a second statement or another kind could change the lake that it checks
    if not text.lower().startswith(("select", "with")) or ";" in text:
        raise SpecError(where, "the query is no single SELECT", "select count(*) from {object} …")
    if "{object}" not in text:
        raise SpecError(where, "the query does not read the table", "{object} in it")
    return Query(text)


RULE_TYPE = RuleType("query", quality=QualityForm(_read, type="sql", on_column=False))
