"""`repeat`: items reached by following paths again and again, in document order.

A questionnaire nests groups in groups. `"repeat": ["item"]` gives one row for each, at any depth:

    item 1            p = [1]
      item 1.1        p = [1, 1]
        item 1.1.1    p = [1, 1, 1]
      item 1.2        p = [1, 2]
    item 2            p = [2]

Items are found level by level: [1] and [2], then [1, 1] and [1, 2], then [1, 1, 1]. Sorted by `p`,
the ordinals on the way to it, each stands before its descendants, as in the document. An item found
is the struct {p, v}, where `v` is its JSON text: its type is recursive, and a structure for
`from_json` is not.

SQL needs to know beforehand how many levels there are. So the depth is counted from the braces of
the text, and a list of that length is what `list_reduce` runs over, one level a round.

Source: SQL on FHIR v2, `select.repeat`.
"""

from collections.abc import Callable, Sequence

from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.expression import compile_path
from lakeward.sqlonfhir.sql import Names, Sql
from lakeward.sqlonfhir.values import NoElementError, Scope, Value, as_list, empty

_STEPS = "STRUCT(p BIGINT[], v JSON)[]"
"""Items with the ordinals on the way to them."""
_LEVELS = "STRUCT(now BIGINT, most BIGINT)[]"
"""How many objects are open at a position of the text, and how many were at most."""
_STRINGS = r'"(?:[^"\\]|\\.)*"'
"""JSON strings, which may hold braces of their own."""


def compile_repeat(paths: Sequence[str], scope: Scope) -> Value:
    """Compile the items reached from the focus by any number of steps.

    Raises:
        SpecError: The paths lead to items of different types.
    """
    build, kinds = scope.build, set[str]()
    names = build.names

    def steps(value: Value, ordinals: Sql) -> Sql:
        """Compile the items one level below, each with its ordinals."""
        inner = scope.inside(value)
        found = [one for path in paths if (one := _found(path, inner))]
        for one in found:
            kinds.add(one.type)
            if one.node is not None:
                one.node.as_json = True
        listed = sql.flatten(sql.array(*[sql.cast(as_list(one), "JSON[]") for one in found]))

        def numbered(item: Sql, index: Sql) -> Sql:
            return sql.pack({"p": sql.call("list_append", ordinals, index), "v": item})

        return sql.each(listed, names, numbered)

    start = sql.cast(steps(scope.this, sql.cast(sql.array(), "BIGINT[]")), _STEPS)
    # no path leads anywhere from this type: an empty collection, as
    # FHIRPath says of unknown members
    if not kinds:
        return empty()
    if len(kinds) != 1:
        raise scope.error("leads to items of different types", 0)
    (kind,) = kinds

    def below(step: Sql) -> Sql:
        return steps(build.parse(sql.field(step, "v"), kind), sql.field(step, "p"))

    ordered = sql.call("list_sort", _closure(start, below, names))
    # What the columns use of an item is known only when they are compiled. So the parse of a column
    # `json` that does not exist collects it, and `_read` puts each item there instead.
    item = build.parse(sql.name("json"), kind)
    return Value(_read(ordered, item, names), kind, many=True, node=item.node)


def _closure(start: Sql, below: Callable[[Sql], Sql], names: Names) -> Sql:
    """Compile the items of all levels, one level a round.

    The items of the last level are those with as many ordinals as there were rounds.
    """

    def deeper(total: Sql, _round: Sql, index: Sql) -> Sql:
        # the index is 2 in the first round, in which the items of level 1 are followed
        level = sql.binary("-", index, sql.number(1))

        def is_on_level(step: Sql, _index: Sql) -> Sql:
            return sql.binary("=", sql.call("len", sql.field(step, "p")), level)

        last = sql.keep(total, names, is_on_level)
        more = sql.each(last, names, lambda step, _: below(step))
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


def _found(path: str, scope: Scope) -> Value | None:
    """Follow a path of a recursion; it need not exist at every level."""
    try:
        return compile_path(path, scope)
    except NoElementError:
        return None


def _depth(start: Sql, names: Names) -> Sql:
    """Compile a list as long as the deepest nesting of objects: there can be no more levels.

    A plain count of braces is an upper bound, too, but a form of two thousand answers then took two
    thousand rounds. So braces are followed: of `{"a":{"b":{}},"c":{}}` only `{{{}}{}}` is kept and
    split at `{`, which leaves `""`, `""`, `"}}"` and `"}}"`: each opens an object and closes as
    many as it has braces.
    """

    def depth(step: Sql, _index: Sql) -> Sql:
        text = sql.cast(sql.field(step, "v"), "VARCHAR")
        for pattern in (_STRINGS, "[^{}]+"):
            text = sql.call("regexp_replace", text, sql.text(pattern), sql.text(""), sql.text("g"))
        runs = sql.call("string_split", text, sql.text("{"))
        opened = sql.call("list_slice", runs, sql.number(2), sql.number(-1))

        def opening(run: Sql, _index: Sql) -> Sql:
            closed = sql.call("len", run)
            return sql.pack({"now": sql.binary("-", sql.number(1), closed), "most": sql.number(1)})

        none = sql.pack({"now": sql.number(0), "most": sql.number(0)})
        levels = sql.cast(sql.each(opened, names, opening), _LEVELS)
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
