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


def _stand_in(name: str) -> Callable[..., str]:
    return lambda *arguments: _call(name, arguments)


# of macros/source_zone.sql and macros/stated_time.sql, which nest deeper than sqlfluff parses
source_zone = _stand_in("source_zone")
until_at = _stand_in("until_at")
placed_at = _stand_in("placed_at")
last_at = _stand_in("last_at")
fhir_time_at = _stand_in("fhir_time_at")
fhir_time_precision = _stand_in("fhir_time_precision")
fhir_time_zone_source = _stand_in("fhir_time_zone_source")
fhir_placed_at = _stand_in("fhir_placed_at")
fhir_last_at = _stand_in("fhir_last_at")
is_day_alone = _stand_in("is_day_alone")

# of macros/facility.sql and macros/e164.sql, which loop over variables
facility_of = _stand_in("facility_of")
zone_of_facility = _stand_in("zone_of_facility")
calling_code_of = _stand_in("calling_code_of")
dialled = _stand_in("dialled")


def with_numbers(relation: str) -> str:
    """Return a relation instead of the steps of macros/e164.sql."""
    return f"(select *, stated as e164 from {relation} as stated_numbers)"


def _call(name: str, arguments: Any) -> str:
    if name == "instant_type":
        return "timestamp"
    if name in {"matches", "part_of"}:
        arguments = arguments[:1]  # without the pattern, which is no SQL
    texts = []
    for argument in arguments:
        if isinstance(argument, list):  # pairs of a name and an expression
            texts += [str(expression) for _, expression in argument]
        elif name != "fold_array" or len(texts) < 2:  # its step names what only a lambda knows
            texts.append(str(argument))
    return f"{name}({', '.join(texts)})"
