"""FHIRPath expressions to SQL values.

The subset is that of SQL on FHIR plus what our views need; anything else is a `SpecError` that
names view, path and position.

An expression is compiled from the inside out. For `name.given.first()` on a Patient:

    Path(Path(Name(name), Name(given)), Call(first))     the syntax tree, see `fhirpath`

    step     type and number of items    SQL             each a `Value`
    $this    one Patient                 r
    name     any number of HumanName     r.name without NULLs
    given    any number of string        the lists of all names, put into one
    first()  one string                  the first item of it

Source: FHIRPath 2.0 (hl7.org/fhirpath/N1); SQL on FHIR v2, "Required FHIRPath
Expressions/Functions".
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lakeward.sqlonfhir import operators as op
from lakeward.sqlonfhir import sql
from lakeward.sqlonfhir.fhirpath import (
    Call,
    Constant,
    Expr,
    IndexAccess,
    Literal,
    Name,
    Operation,
    Path,
    TypeOperation,
    parse,
)
from lakeward.sqlonfhir.functions import FUNCTIONS, combine, distinct
from lakeward.sqlonfhir.values import NUMBERS, Scope, Value, empty, exists, member, narrow, single

Evaluate = Callable[[Expr, Scope], Value]


def compile_path(path: str, scope: Scope) -> Value:
    """Compile the text of an expression.

    Raises:
        SpecError: The text is not FHIRPath, or not of the subset.
    """
    return evaluate(parse(path, scope.where), scope)


def evaluate(node: Expr, scope: Scope) -> Value:
    """Compile a parsed expression."""
    match node:
        case Literal():
            return compile_literal(node.value, node.type)
        case Constant():
            return _constant(node, scope)
        case Name():
            return _name(node, scope.this, scope)
        case Call():
            return _call(node, scope.this, scope)
        case Path(target=target, step=step):
            # `value` of an Observation has no type yet: `ofType(Quantity)` behind it decides. So
            # the step gets the unfinished value, which knows its parent and its choices.
            value = evaluate(target, scope)
            if isinstance(step, Name):
                return _name(step, value, scope)
            return _call(step, value, scope)
        case IndexAccess():
            return _index(node, scope)
        case TypeOperation():
            return _type_operation(node, scope)
        case Operation():
            return _operation(node, scope)


def compile_literal(value: str | bool | None, kind: str) -> Value:  # noqa: FBT001  one may be a bool
    """Compile a constant; numbers keep their text."""
    if value is None:
        return empty()
    if isinstance(value, bool):
        return Value(sql.boolean(value), "boolean")
    if kind in NUMBERS:
        return Value(sql.number(value), kind)
    return Value(sql.text(value), kind)


def _constant(node: Constant, scope: Scope) -> Value:
    # a constant of the view hides one of FHIRPath's environment
    environment: Mapping[str, Value] = {
        "rowIndex": Value(scope.row_index, "integer"),
        "resource": scope.resource,
        "rootResource": scope.resource,
        "context": scope.resource,
    }
    found = scope.constants.get(node.name) or environment.get(node.name)
    if found is None:
        raise scope.error(f"constant `%{node.name}` is not defined", node.position)
    return found


def _name(node: Name, value: Value, scope: Scope) -> Value:
    if node.name == "$this":
        return value
    if node.name == "$index" and scope.index is not None:
        return Value(scope.index, "integer")
    if value is scope.resource and node.name == value.type:
        return value  # `Patient.name` as the long form of `name`
    return member(value, node.name, scope, node.position)


def _call(node: Call, value: Value, scope: Scope) -> Value:
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise scope.error(f"function `{node.name}()` is not supported", node.position)
    return function(value, node, scope, evaluate)


def _index(node: IndexAccess, scope: Scope) -> Value:
    value, position = evaluate(node.target, scope), evaluate(node.index, scope)
    # A constant index is enough for views; a computed one could not be checked to be one number.
    try:
        number = int(sql.render(position.sql))
    except ValueError:
        raise scope.error("uses a computed index", node.position, "a whole number") from None
    if value.many:
        return Value(sql.at(value.sql, number), value.type, node=value.node, choices=value.choices)
    return value if number == 0 else Value(sql.null(), value.type)  # one item is a list of one


def _type_operation(node: TypeOperation, scope: Scope) -> Value:
    value = evaluate(node.operand, scope)
    narrowed = narrow(value, node.type, scope)
    if node.operator == "as":
        return narrowed
    return Value(exists(narrowed), "boolean")


def _operation(node: Operation, scope: Scope) -> Value:
    operator, position = node.operator, node.position
    values = [evaluate(operand, scope) for operand in node.operands]
    if len(values) == 1:  # polarity: `-x` is compiled as `0 - x`
        one = single(values[0], scope, position)
        zero = Value(sql.number(0), "integer")
        return one if operator == "+" else op.arithmetic("-", zero, one, scope, position)
    left, right = values
    if operator in ("and", "or", "xor", "implies"):
        return op.logic(operator, left, right, scope, position)
    if operator in op.EQUALITIES:
        return op.equality(operator, left, right, scope, position)
    if operator in op.COMPARISONS:
        return op.comparison(operator, left, right, scope, position)
    if operator in op.ARITHMETIC:
        return op.arithmetic(operator, left, right, scope, position)
    match operator:
        case "&":
            return op.concatenate(left, right, scope, position)
        case "in":
            return op.membership(left, right, scope, position)
        case "contains":
            return op.membership(right, left, scope, position)
        case "|":  # repeats are dropped at the end, so they need not be dropped before
            left, right = (replace(v, sql=sql.with_repeats(v.sql)) for v in (left, right))
            return distinct(combine(left, right, scope, position), scope)
    raise scope.error(f"operator `{operator}` is not supported", position)
