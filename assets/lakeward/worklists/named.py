"""What a name stands for: by whatever somebody has at hand, the keys of what the store knows by it.

A name is a key, a place of a record, what a sender calls a record, or one of `NAMES`. Only keys are
returned, so that nobody who passes them on passes on a value of a record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakeward.worklists.record_origin import EVENTS, Records, is_place, places_called

OUTCOMES = "canonical__record_outcome"
VISITS, REFERRALS = "canonical__visit", "canonical__referral_status"


@dataclass(frozen=True)
class CalledBy:
    """By which something is called.

    Attributes:
        table: Where it is known.
        columns: Those that make the name, in order.
        key: Column with the key of what it names.
    """

    table: str
    columns: tuple[str, ...]
    key: str

    @property
    def sql(self) -> str:
        """The name, over the columns of the table."""
        one, *others = self.columns
        return f"concat_ws('-', {', '.join(self.columns)})" if others else one


NAMES = (
    CalledBy(VISITS, ("visit_key",), "visit_key"),
    CalledBy(VISITS, ("appointment_id",), "visit_key"),
    CalledBy(VISITS, ("placer_appointment_id",), "visit_key"),
    CalledBy(VISITS, ("visit_number",), "visit_key"),
    CalledBy(REFERRALS, ("referral_key",), "referral_key"),
    CalledBy(REFERRALS, ("originating_id",), "referral_key"),
    CalledBy("canonical__bed", ("bed_key",), "bed_key"),
    CalledBy("canonical__bed", ("unit", "room", "bed_label"), "bed_key"),
    CalledBy("canonical__patient", ("patient_key",), "patient_key"),
    CalledBy("canonical__patient_identifier", ("identifier_value",), "patient_key"),
)
"""What people call visits, referrals, beds and patients by, and the keys themselves."""
NAMED_IN = tuple(dict.fromkeys((*(name.table for name in NAMES), OUTCOMES)))
"""The tables that have to be shown to look a name up."""


@dataclass(frozen=True)
class Keys:
    """The keys that a name stands for; of a patient also those of its visits and referrals."""

    visits: tuple[str, ...] = ()
    referrals: tuple[str, ...] = ()
    beds: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the name stands for anything."""
        return bool(self.visits or self.referrals or self.beds or self.patients)

    @property
    def of_rows(self) -> dict[str, tuple[str, ...]]:
        """Keys by the column in which rows have them."""
        return {"visit_key": self.visits, "referral_key": self.referrals, "bed_key": self.beds}


def keys_called(records: Records, text: str) -> Keys:
    """Return the keys of what people call so; a key or a record is no such name."""
    return _all_of(records, _called(records, text, [n for n in NAMES if n.sql != n.key]))


def keys_named(records: Records, text: str) -> Keys:
    """Return the keys that a name stands for; none where the store knows nothing by it."""
    found = _called(records, text, NAMES)
    if not any(found.values()):
        places = [text] if is_place(text) else places_called(records, text)
        _add_keys_of(records, places, found)
    return _all_of(records, found)


def _called(records: Records, text: str, names: Sequence[CalledBy]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name.key: set() for name in NAMES}
    known = _columns(records)
    for name in names:
        # a release from before a contract grew may lack a column
        if {name.key, *name.columns} <= known.get(name.table, frozenset()):
            query = f"select distinct {name.key} from {name.table} where {name.sql} = ?"
            found[name.key].update(_keys(records, query, [text]))
    return found


def _all_of(records: Records, found: Mapping[str, set[str]]) -> Keys:
    """Return keys, and of patients those of their visits and referrals."""
    patients = tuple(sorted(found["patient_key"]))
    visits = found["visit_key"] | _of_patients(records, VISITS, "visit_key", patients)
    referrals = found["referral_key"] | _of_patients(records, REFERRALS, "referral_key", patients)
    return Keys(
        tuple(sorted(visits)), tuple(sorted(referrals)), tuple(sorted(found["bed_key"])), patients
    )


def _add_keys_of(records: Records, places: Iterable[str], found: dict[str, set[str]]) -> None:
    """Add the keys of what records are about: of a patient only where it is nothing narrower."""
    places = list(places)
    if OUTCOMES in records.shown:
        query = f"select distinct object_key from {OUTCOMES} where source_ref in (select unnest(?))"
        for key in _keys(records, query, [places]):
            for name in NAMES:
                if name.sql == name.key and name.table in records.shown:
                    again = f"select {name.key} from {name.table} where {name.key} = ?"
                    found[name.key].update(_keys(records, again, [key]))
    narrower = ("visit_key", "referral_key", "bed_key")
    for column in (*narrower, "patient_key"):
        if column == "patient_key" and any(found[each] for each in narrower):
            return
        query = f"select distinct {column} from {EVENTS} where source_ref in (select unnest(?))"
        if EVENTS in records.shown:
            found[column].update(_keys(records, query, [places]))


def _of_patients(
    records: Records, table: str, key: str, patients: tuple[str, ...]
) -> frozenset[str]:
    if not patients or table not in records.shown:
        return frozenset()
    query = f"select {key} from {table} where patient_key in (select unnest(?))"
    return frozenset(_keys(records, query, [list(patients)]))


def _columns(records: Records) -> dict[str, frozenset[str]]:
    query = "select table_name, list(column_name) from duckdb_columns() group by table_name"
    found = records.connection.execute(query).fetchall()
    return {table: frozenset(columns) for table, columns in found}


def _keys(records: Records, query: str, values: list[object]) -> list[str]:
    return [str(key) for (key,) in records.connection.execute(query, values).fetchall() if key]
