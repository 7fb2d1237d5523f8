"""SQL expressions over structs and lists, built with sqlglot.

Everything that a ViewDefinition compiles to goes through these few functions, so another engine
costs one dialect here. Nothing in this module knows FHIR.

    each(name("people"), names, lambda item, _: field(item, "family"))     becomes
    LIST_TRANSFORM("people", LAMBDA "x1" : STRUCT_EXTRACT("x1", 'family'))
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from sqlglot import exp

Sql = Any
"""A sqlglot expression. sqlglot's nodes know their parent, so one node stands in one expression
only; the functions here copy an operand that stands in another already, so callers may use it
twice."""


class Names:
    """Hands out lambda parameters, each once in a view: an inner one must not hide an outer one."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def fresh(self) -> str:
        """Return a name not used before."""
        return f"x{next(self._numbers)}"


def _own(value: Sql) -> Sql:
    """Return an expression that may be put into another: itself when it stands nowhere yet."""
    return value if value.parent is None else value.copy()


def call(name: str, *args: Sql) -> Sql:
    """Build a call of a function by its DuckDB name."""
    return exp.Anonymous(this=name, expressions=[_own(a) for a in args])


def name(text: str) -> Sql:
    """Build the name of a column or a lambda parameter, quoted."""
    return exp.column(exp.to_identifier(text, quoted=True))


def text(value: str) -> Sql:
    """Build a string constant."""
    return exp.Literal.string(value)


def number(value: int | str) -> Sql:
    """Build a numeric constant; a text keeps its digits."""
    return exp.Literal.number(value)


def boolean(value: bool) -> Sql:  # noqa: FBT001  the value is the point
    """Build a boolean constant."""
    return exp.Boolean(this=value)


def null(kind: str = "VARCHAR") -> Sql:
    """Build a typed NULL."""
    return cast(nothing(), kind)


def nothing() -> Sql:
    """Build a NULL without a type: it takes the one that is needed where it stands."""
    return exp.Null()


def cast(value: Sql, kind: str, *, attempt: bool = False) -> Sql:
    """Build a cast to a DuckDB type; with `attempt` it is NULL where the cast fails."""
    node = exp.TryCast if attempt else exp.Cast
    return node(this=_own(value), to=exp.DataType.build(kind, dialect="duckdb"))


_EARLIEST, _LATEST = "0001-01-01", "9999-12-31 23:59:59.999999"
"""What FHIR can write: its years have four digits. DuckDB reads more, see `cast_time`."""


def cast_time(value: Sql, kind: str) -> Sql:
    """Build a cast of a text to a date or an instant; NULL where it states none that FHIR has.

    DuckDB reads `epoch`, `infinity`, `2026-01-05 (BC)` and the year 290000 as well: no reader of a
    table can show the second, and the table writer ends the night at the last.
    """
    time = cast(value, kind, attempt=True)
    low, high = (cast(text(limit), kind) for limit in (_EARLIEST, _LATEST))
    # `:` follows `9`, so this is true of a text that starts with a digit
    starts_with_digit = exp.Between(this=_own(value), low=text("0"), high=text(":"))
    in_range = exp.Between(this=time, low=low, high=high)
    return case((exp.and_(starts_with_digit, in_range), time.copy()))


def field(struct: Sql, key: str) -> Sql:
    """Build the field of a struct; NULL for a NULL struct."""
    return call("struct_extract", struct, text(key))


def pack(fields: Mapping[str, Sql]) -> Sql:
    """Build a struct."""
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(key, quoted=True), expression=_own(value))
            for key, value in fields.items()
        ]
    )


def array(*values: Sql) -> Sql:
    """Build a list."""
    return call("list_value", *values)


def each(
    items: Sql, names: Names, body: Callable[[Sql, Sql], Sql], function: str = "list_transform"
) -> Sql:
    """Build a list with a lambda of (item, index from 1) applied to each item."""
    item, index = names.fresh(), names.fresh()
    result = body(name(item), name(index))
    # DuckDB counts along only when the lambda has a second parameter
    uses_index = any(c.name == index for c in result.find_all(exp.Column))
    parameters = [item, index] if uses_index else [item]
    return call(function, items, _lambda(parameters, result))


def keep(items: Sql, names: Names, condition: Callable[[Sql, Sql], Sql]) -> Sql:
    """Build a list of the items for which a condition is true."""
    return each(items, names, condition, "list_filter")


def fold(items: Sql, names: Names, body: Callable[[Sql, Sql, Sql], Sql]) -> Sql:
    """Build the reduction of a list by a lambda of (accumulator, item, index).

    The first item is the first accumulator, so the lambda starts at the second, with index 2.
    """
    total, item, index = names.fresh(), names.fresh(), names.fresh()
    step = body(name(total), name(item), name(index))
    return call("list_reduce", items, _lambda([total, item, index], step))


def _lambda(parameters: Sequence[str], body: Sql) -> Sql:
    identifiers = [exp.to_identifier(p, quoted=True) for p in parameters]
    return exp.Lambda(this=_own(body), expressions=identifiers, colon=True)


def present(items: Sql, names: Names) -> Sql:
    """Build a list without its NULLs."""
    return keep(items, names, lambda item, _: not_null(item))


_REPEATED = "repeated"
"""Key of a note on an expression of distinct items: the items that it was made of."""


def distinct(items: Sql, names: Names) -> Sql:
    """Build a list with the first of each repeated item; compares each with all before it."""

    def is_first(item: Sql, index: Sql) -> Sql:
        return binary("=", call("list_position", items, item), index)

    kept = keep(items, names, is_first)
    kept.meta[_REPEATED] = items
    return kept


def with_repeats(items: Sql) -> Sql:
    """Return the items before `distinct`, where repeats do not matter: long lists make it slow."""
    return items.meta.get(_REPEATED, items)


def flatten(items: Sql) -> Sql:
    """Build one list of a list of lists; NULL lists count as empty."""
    return call("flatten", items)


def size(items: Sql) -> Sql:
    """Build the number of items of a list; 0 for NULL."""
    return coalesce(call("len", items), number(0))


def coalesce(value: Sql, default: Sql) -> Sql:
    """Build a value that is replaced where it is NULL."""
    return exp.Coalesce(this=_own(value), expressions=[_own(default)])


def at(items: Sql, position: int) -> Sql:
    """Build the item at a position from 0, or from the end when negative; NULL beyond the list."""
    return call("list_extract", items, number(position + 1 if position >= 0 else position))


def only(items: Sql, message: str) -> Sql:
    """Build the one item of a list; NULL for none, an error for several when the SQL is run."""
    return case((size(items) > number(1), call("error", text(message))), default=at(items, 0))


def case(*branches: tuple[Sql, Sql], default: Sql | None = None) -> Sql:
    """Build CASE WHEN … THEN … ELSE … END."""
    return exp.Case(
        ifs=[exp.If(this=_own(when), true=_own(then)) for when, then in branches],
        default=_own(default) if default is not None else None,
    )


def not_null(value: Sql) -> Sql:
    """Build `value IS NOT NULL`."""
    return negate(is_null(value))


def negate(condition: Sql) -> Sql:
    """Build NOT of a condition."""
    return exp.Not(this=exp.paren(_own(condition), copy=False))


def is_null(value: Sql) -> Sql:
    """Build `value IS NULL`."""
    return exp.Is(this=exp.paren(_own(value), copy=False), expression=exp.Null())


def binary(operator: str, left: Sql, right: Sql) -> Sql:
    """Build an infix operation; all in parentheses, so that precedence never matters."""
    node = _OPERATORS[operator]
    return exp.paren(
        node(this=exp.paren(_own(left), copy=False), expression=exp.paren(_own(right), copy=False)),
        copy=False,
    )


_OPERATORS = {
    "=": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "and": exp.And,
    "or": exp.Or,
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "div": exp.IntDiv,
    "mod": exp.Mod,
    "&": exp.DPipe,
}


def render(sql: Sql) -> str:
    """Return the text for DuckDB."""
    return str(sql.sql(dialect="duckdb"))
