"""FHIRPath expressions to SQL values.

The subset is that of SQL on FHIR plus what our views need; anything else is a `SpecError` that
names view, path and position.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lakeward.sqlonfhir import operators as op
from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.fhirpath import (
    Call,
    Constant,
    Expr,
    Index,
    Literal,
    Name,
    Operation,
    Path,
    TypeOperation,
    parse,
)
from lakeward.sqlonfhir.functions import FUNCTIONS, combine, distinct
from lakeward.sqlonfhir.values import NUMBERS, Context, Value, empty, exists, member, narrow, single

Evaluate = Callable[[Expr, Context], Value]


def compile_path(path: str, context: Context) -> Value:
    """Compile an expression in a context.

    Raises:
        SpecError: It is not FHIRPath, or not of the subset.
    """
    return evaluate(parse(path, context.where), context)


def evaluate(node: Expr, context: Context) -> Value:
    """Compile a parsed expression in a context."""
    match node:
        case Literal():
            return literal(node.value, node.type)
        case Constant():
            return _constant(node, context)
        case Name():
            return _name(node, context.this, context)
        case Call():
            return _call(node, context.this, context)
        case Path(target=target, step=step):
            # An unnarrowed choice keeps its parent, so the step decides what to do with it.
            value = evaluate(target, context)
            walk = _name if isinstance(step, Name) else _call
            return walk(step, value, context)  # type: ignore[arg-type]
        case Index():
            return _index(node, context)
        case TypeOperation():
            return _type_operation(node, context)
        case Operation():
            return _operation(node, context)


def literal(value: str | bool | None, kind: str) -> Value:  # noqa: FBT001  a constant may be one
    """Give a constant; numbers keep their text."""
    if value is None:
        return empty()
    if isinstance(value, bool):
        return Value(sql.boolean(value), "boolean")
    if kind in NUMBERS:
        return Value(sql.number(value), kind)
    return Value(sql.text(value), kind)


def _constant(node: Constant, context: Context) -> Value:
    environment: Mapping[str, Value] = {
        "rowIndex": Value(context.row_index, "integer"),
        "resource": context.resource,
        "rootResource": context.resource,
        "context": context.resource,
    }
    found = context.constants.get(node.name) or environment.get(node.name)
    if found is None:
        raise context.error(f"constant `%{node.name}` is not defined", node.position)
    return found


def _name(node: Name, value: Value, context: Context) -> Value:
    if node.name == "$this":
        return value
    if node.name == "$index" and context.index is not None:
        return Value(context.index, "integer")
    if value is context.resource and node.name == value.type:
        return value  # `Patient.name` as the long form of `name`
    return member(value, node.name, context, node.position)


def _call(node: Call, value: Value, context: Context) -> Value:
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise context.error(f"function `{node.name}()` is not supported", node.position)
    return function(value, node, context, evaluate)


def _index(node: Index, context: Context) -> Value:
    value, position = evaluate(node.target, context), evaluate(node.index, context)
    try:
        number = int(sql.render(position.sql))
    except ValueError:
        raise context.error("uses a computed index", node.position, "a whole number") from None
    if value.many:
        return Value(sql.at(value.sql, number), value.type, node=value.node, choices=value.choices)
    return value if number == 0 else Value(sql.null(), value.type)


def _type_operation(node: TypeOperation, context: Context) -> Value:
    value = evaluate(node.operand, context)
    narrowed = narrow(value, node.type, context)
    if node.operator == "as":
        return narrowed
    return Value(exists(narrowed), "boolean")


def _operation(node: Operation, context: Context) -> Value:
    operator, position = node.operator, node.position
    values = [evaluate(operand, context) for operand in node.operands]
    if len(values) == 1:
        one = single(values[0], context, position)
        zero = Value(sql.number(0), "integer")
        return one if operator == "+" else op.arithmetic("-", zero, one, context, position)
    left, right = values
    if operator in ("and", "or", "xor", "implies"):
        return op.logic(operator, left, right, context, position)
    if operator in op.EQUALITIES:
        return op.equality(operator, left, right, context, position)
    if operator in op.COMPARISONS:
        return op.comparison(operator, left, right, context, position)
    if operator in op.ARITHMETIC:
        return op.arithmetic(operator, left, right, context, position)
    match operator:
        case "&":
            return op.concatenate(left, right, context, position)
        case "in":
            return op.membership(left, right, context, position)
        case "contains":
            return op.membership(right, left, context, position)
        case "|":
            left, right = (replace(v, sql=sql.with_repeats(v.sql)) for v in (left, right))
            return distinct(combine(left, right, context, position), context)
    raise context.error(f"operator `{operator}` is not supported", position)
