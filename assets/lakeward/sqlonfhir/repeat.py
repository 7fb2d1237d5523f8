"""`repeat`: items reached by following paths again and again, in document order.

Items on the way stay JSON text, since their type is recursive; each carries its place as a list of
ordinals, one a level, by which they are sorted so that each stands before its descendants.
"""

from collections.abc import Callable, Sequence

from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.expression import compile_path
from lakeward.sqlonfhir.sql import Names, Sql
from lakeward.sqlonfhir.values import Context, NoElementError, Value, as_list, empty

_STEPS = "STRUCT(p BIGINT[], v JSON)[]"
_LEVELS = "STRUCT(now BIGINT, most BIGINT)[]"
_STRINGS = r'"(?:[^"\\]|\\.)*"'


def recursion(paths: Sequence[str], context: Context) -> Value:
    """Give the items reached from the focus.

    Raises:
        SpecError: The paths lead to items of different types.
    """
    build, kinds = context.build, set[str]()
    names = build.names

    def steps(value: Value, place: Sql) -> Sql:
        """The items one level below, each with its place."""
        inner = context.inside(value)
        found = [one for path in paths if (one := _found(path, inner))]
        for one in found:
            kinds.add(one.type)
            if one.node is not None:
                one.node.as_json = True
        listed = sql.flatten(sql.array(*[sql.cast(as_list(one), "JSON[]") for one in found]))
        pack = lambda v, i: sql.pack({"p": sql.call("list_append", place, i), "v": v})  # noqa: E731
        return sql.each(listed, names, pack)

    start = sql.cast(steps(context.this, sql.cast(sql.array(), "BIGINT[]")), _STEPS)
    if not kinds:
        return empty()
    if len(kinds) != 1:
        raise context.error("leads to items of different types", 0)
    (kind,) = kinds

    def below(step: Sql) -> Sql:
        return steps(build.parse(sql.field(step, "v"), kind), sql.field(step, "p"))

    ordered = sql.call("list_sort", _closure(start, below, names))
    item = build.parse(sql.name("json"), kind)
    return Value(_read(ordered, item, names), kind, many=True, node=item.node)


def _closure(start: Sql, below: Callable[[Sql], Sql], names: Names) -> Sql:
    """Add level after level; a round finds the items of the last level by the length of place."""

    def deeper(total: Sql, _round: Sql, index: Sql) -> Sql:
        level = sql.binary("-", index, sql.number(1))
        on_level = lambda e, _: sql.binary("=", sql.call("len", sql.field(e, "p")), level)  # noqa: E731
        more = sql.each(sql.keep(total, names, on_level), names, lambda e, _: below(e))
        return sql.call("list_concat", total, sql.cast(sql.flatten(more), _STEPS))

    none = sql.cast(sql.array(), _STEPS)
    rounds = sql.each(_depth(start, names), names, lambda _e, _i: none)
    return sql.fold(sql.call("list_concat", sql.array(start), rounds), names, deeper)


def _read(ordered: Sql, item: Value, names: Names) -> Sql:
    """Parse each item into the structure that the columns use."""

    def parse(step: Sql, _index: Sql) -> Sql:
        call = item.sql.copy()
        call.expressions[0].replace(sql.field(step, "v"))
        return call

    return sql.each(ordered, names, parse)


def _found(path: str, context: Context) -> Value | None:
    """Follow a path of a recursion; it need not exist at every level."""
    try:
        return compile_path(path, context)
    except NoElementError:
        return None


def _depth(start: Sql, names: Names) -> Sql:
    """A list as long as the deepest nesting of objects: so many levels there can be, and no more.

    A plain count of braces is an upper bound too, but a form of two thousand answers then took two
    thousand rounds.
    """

    def depth(step: Sql, _index: Sql) -> Sql:
        text = sql.cast(sql.field(step, "v"), "VARCHAR")
        for pattern in (_STRINGS, "[^{}]+"):
            text = sql.call("regexp_replace", text, sql.text(pattern), sql.text(""), sql.text("g"))
        runs = sql.call("string_split", text, sql.text("{"))
        opened = sql.call("list_slice", runs, sql.number(2), sql.number(-1))
        closing = lambda run, _: sql.pack(  # noqa: E731
            {"now": sql.binary("-", sql.number(1), sql.call("len", run)), "most": sql.number(1)}
        )
        none = sql.pack({"now": sql.number(0), "most": sql.number(0)})
        levels = sql.cast(sql.each(opened, names, closing), _LEVELS)
        listed = sql.call("list_concat", sql.cast(sql.array(none), _LEVELS), levels)
        return sql.field(sql.fold(listed, names, _deeper_of), "most")

    deepest = sql.call("list_max", sql.each(start, names, depth))
    return sql.call("range", sql.coalesce(deepest, sql.number(0)))


def _deeper_of(total: Sql, item: Sql, _index: Sql) -> Sql:
    """Open one more object, note how deep that is, and close those that end before the next."""
    now = sql.field(total, "now")
    level = sql.binary("+", now, sql.number(1))
    most = sql.call("greatest", sql.field(total, "most"), level)
    return sql.pack({"now": sql.binary("+", now, sql.field(item, "now")), "most": most})
