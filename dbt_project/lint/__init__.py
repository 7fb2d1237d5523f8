"""What sqlfluff uses in place of dbt to render a model: each engine macro as a call of its name.

The engines' own SQL is long and the same everywhere, and parsing it would take most of the time.
"""

from collections.abc import Callable
from typing import Any


class adapter:  # noqa: N801  # the name that macros use
    """Stand-in for dbt's adapter."""

    @staticmethod
    def dispatch(name: str, package: str) -> Callable[..., str]:
        """Return a function that writes a call of the macro with its arguments."""
        del package
        return lambda *arguments: _call(name, arguments)


def uuid5(text_expr: str) -> str:
    """Return a call instead of the expression of macros/uuid5.sql."""
    return _call("uuid5", [text_expr])


def _call(name: str, arguments: Any) -> str:
    if name == "instant_type":
        return "timestamp"
    texts = []
    for argument in arguments:
        if isinstance(argument, list):  # pairs of a name and an expression
            texts += [str(expression) for _, expression in argument]
        elif name != "fold_array" or len(texts) < 2:  # its step names what only a lambda knows
            texts.append(str(argument))
    return f"{name}({', '.join(texts)})"
