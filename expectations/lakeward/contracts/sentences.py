"""Words of contracts for people who run a ward: names made readable, lists, limits."""

_ACRONYMS = {"id": "ID", "npi": "NPI", "mrn": "MRN", "fhir": "FHIR", "utc": "UTC", "at": "time"}


def readable(name: str) -> str:
    """Turn a column or table name into words: `admit_at` becomes `admit time`."""
    # the layer (`canonical__`) is ours; readers know the thing by what comes after it
    words = name.rpartition("__")[2].split("_")
    return " ".join(_ACRONYMS.get(word, word) for word in words)


def listed(columns: tuple[str, ...]) -> str:
    """Join column names as words: `a, b and c`."""
    words = [readable(column) for column in columns]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def limits(
    minimum: float | str | None,
    maximum: float | str | None,
    *,
    above: bool = False,
    below: bool = False,
) -> str:
    """Say between which bounds a value lies; `above` and `below` exclude the bounds themselves."""
    parts = []
    if minimum is not None:
        parts.append(f"{'more than' if above else 'at least'} {minimum}")
    if maximum is not None:
        parts.append(f"{'less than' if below else 'at most'} {maximum}")
    return " and ".join(parts)
