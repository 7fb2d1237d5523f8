"""`lowBoundary()` and `highBoundary()`: the least and the greatest value of a partial one.

    date 1980-05           1980-05-01                       1980-05-31
    dateTime 2020-01-02    2020-01-02T00:00:00.000+14:00    2020-01-02T23:59:59.999-12:00
    decimal 1.10           1.095                            1.105

Source: FHIRPath 3.0, "lowBoundary" and "highBoundary"; SQL on FHIR v2 has them too.
"""

from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.sql import Sql

_EARLIEST, _LATEST = "0000-01-01T00:00:00.000", "0000-12-31T23:59:59.999"
"""What is missing is filled in from these, by position. The last day of a month is computed."""


def compile_boundary(value: Sql, kind: str, *, high: bool) -> Sql | None:
    """Compile the boundary of a decimal, date, dateTime, instant or time; None for other types."""
    match kind:
        case "decimal":
            return _decimal(value, high=high)
        case "date":
            return _date(value, high=high)
        case "dateTime" | "instant":
            return _date_time(value, high=high)
        case "time":
            return _filled(value, "23:59:59.999" if high else "00:00:00.000")
    return None


def _decimal(value: Sql, *, high: bool) -> Sql:
    """Move by half a unit of the last digit that the text shows: 1.10 by 0.005."""
    # the text is asked for its digits: as a number 1.10 and 1.1 are the same
    digits = sql.call("len", sql.call("regexp_extract", value, sql.text(r"\.(\d+)"), sql.number(1)))
    half = sql.binary(
        "*",
        sql.number("0.5"),
        sql.call("pow", sql.number(10), sql.binary("-", sql.number(0), digits)),
    )
    number = sql.cast(value, "DOUBLE", attempt=True)
    scale = sql.binary("+", digits, sql.number(1))
    return sql.call(
        "round", sql.binary("+" if high else "-", number, half), sql.cast(scale, "INTEGER")
    )


def _filled(value: Sql, template: str) -> Sql:
    """Complete a text with the end of a template: 1980 and 0000-12 make 1980-12."""
    rest = sql.call(
        "substr", sql.text(template), sql.binary("+", sql.call("len", value), sql.number(1))
    )
    return sql.binary("&", value, rest)


def _date(value: Sql, *, high: bool) -> Sql:
    if not high:
        return _filled(value, _EARLIEST[:10])
    month = _filled(value, _LATEST[:7])  # 1980 becomes 1980-12, 1980-05 stays
    last = sql.cast(
        sql.call(
            "last_day", sql.cast(sql.binary("&", month, sql.text("-01")), "DATE", attempt=True)
        ),
        "VARCHAR",
    )
    # a whole date is its own boundary, also one that is no day: the cast would make it NULL
    whole = sql.binary("=", sql.call("len", value), sql.number(10))
    return sql.case((whole, value), default=last)


def _date_time(value: Sql, *, high: bool) -> Sql:
    """Fill in time and zone. Without a zone it may be any one, and a day starts first at +14:00."""
    day = _date(sql.call("substr", value, sql.number(1), sql.number(10)), high=high)
    zone = sql.call("regexp_extract", value, sql.text(r"(Z|[+-]\d\d:\d\d)$"))
    clock = sql.call("regexp_extract", value, sql.text(r"T([\d:.]+)"), sql.number(1))
    filled = _filled(clock, "23:59:59.999" if high else "00:00:00.000")
    widest = sql.text("-12:00" if high else "+14:00")
    timed = sql.call("contains", value, sql.text("T"))
    offset = sql.case(
        (sql.binary("and", timed, sql.binary("!=", zone, sql.text(""))), zone), default=widest
    )
    return sql.binary("&", sql.binary("&", day, sql.text("T")), sql.binary("&", filled, offset))
