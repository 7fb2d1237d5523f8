"""Which version of a resource is true: against an oracle in plain Python, in any order of delivery.

The oracle knows neither SQL nor windows: it lays all statements of one id in the order in which
they came and then lays them out again by each stamp, a statement without the stamp staying behind
the newest that came before it.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lakeward.core.settings import load_settings
from lakeward.fhir import view_tables
from lakeward.fhir.raw.load import load
from lakeward.fhir.view_tables import packaged_views
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, write
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory
from lakeward.sqlonfhir.view import compile_view

START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = 24


@dataclass(frozen=True)
class Statement:
    """What one line says of one id; `instant` in hours, `text` says how it is written."""

    content: int
    instant: int | None
    offset: int = 0
    number: int | None = None
    is_subsetted: bool = False
    is_deletion: bool = False

    def line(self, id_: str) -> str:
        meta: dict[str, Any] = {}
        if self.instant is not None:
            zone = timezone(timedelta(hours=self.offset))
            meta["lastUpdated"] = (
                (START + timedelta(hours=self.instant)).astimezone(zone).isoformat()
            )
        if self.is_deletion:
            request = {"method": "DELETE", "url": f"Patient/{id_}"}
            entry = [{"request": request}]
            return json.dumps(
                {"resourceType": "Bundle", "type": "transaction", "meta": meta, "entry": entry}
            )
        if self.number is not None:
            meta["versionId"] = str(self.number)
        if self.is_subsetted:
            meta["tag"] = [{"code": "SUBSETTED"}]
        return json.dumps(
            {
                "resourceType": "Patient",
                "id": id_,
                "meta": meta,
                "multipleBirthInteger": self.content,
            }
        )


@dataclass(frozen=True)
class Delivered:
    """One export: statements by id, and its transactionTime in hours."""

    time: int | None
    statements: tuple[tuple[str, Statement], ...] = ()


@dataclass(frozen=True)
class Event:
    """A statement with the time and the place of its delivery."""

    statement: Statement
    time: int | None
    place: tuple[int, int]

    @property
    def stamp(self) -> tuple[int, bool] | None:
        instant = self.statement.instant
        if instant is None and self.statement.is_deletion:
            instant = self.time
        return None if instant is None else (instant, self.statement.is_deletion)


def laid_out(events: Iterable[Event], stamp: Callable[[Event], Any]) -> list[Event]:
    """Lay events out by a stamp, those without it behind the newest that stands before them."""
    newest: Any = None
    found = []
    for event in events:
        own = stamp(event)
        newest = own if newest is None or (own is not None and own > newest) else newest
        found.append((newest if own is None else own, event))
    none = [event for key, event in found if key is None]
    some = [(key, event) for key, event in found if key is not None]
    return none + [event for _, event in sorted(some, key=lambda pair: pair[0])]


def contradicted(deletion: Event, events: Sequence[Event]) -> bool:
    """Whether an export as new as the deletion holds the resource, which is not older than it."""
    own = deletion.statement.instant
    for other in events:
        if other.statement.is_deletion or None in (other.time, deletion.time):
            continue
        instant = other.statement.instant
        is_older = own is not None and instant is not None and own >= instant
        if other.time >= deletion.time and not is_older:  # type: ignore[operator]
            return True
    return False


def truth(events: Sequence[Event]) -> Statement | None:
    """Return the statement that is true, None when the resource is deleted or unknown."""
    effective = [e for e in events if not (e.statement.is_deletion and contradicted(e, events))]
    order = sorted(effective, key=lambda e: e.place)
    order = laid_out(order, lambda e: e.time)
    order = laid_out(order, lambda e: e.statement.number)
    order = laid_out(order, lambda e: e.stamp)
    deletions = [n for n, e in enumerate(order) if e.statement.is_deletion]
    alive = [e.statement for e in order[max(deletions, default=-1) + 1 :]]
    full = [s for s in alive if not s.is_subsetted]
    return (full or alive or [None])[-1]


def oracle(deliveries: Sequence[Delivered]) -> dict[str, Statement | None]:
    """Return what is true of each id after deliveries in this order.

    A content that is delivered several times counts at its latest time and its latest place.
    """
    events: dict[str, dict[str, Event]] = {}
    for received, delivered in enumerate(deliveries, start=1):
        for line, (id_, statement) in enumerate(delivered.statements, start=1):
            by_content = events.setdefault(id_, {})
            before = by_content.get(statement.line(id_))
            times = [t for t in (delivered.time, before and before.time) if t is not None]
            time = max(times, default=None)
            by_content[statement.line(id_)] = Event(statement, time, (received, line))
    return {id_: truth(list(found.values())) for id_, found in events.items()}


@dataclass
class Landed:
    """A lake that has taken deliveries."""

    root: Path
    received: int = 0
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        home = load_settings(self.root / "home").home
        self.lake, self.landing = Lake(home.lake), self.root / "landing"
        self.source = load_inventory(home).source("ehr_fhir")

    def take(self, lines: Sequence[str], time: int | None, day: int = 5) -> None:
        self.received += 1
        name = f"ehr_fhir/2026-01-{day:02}/{self.received}/all.ndjson"
        path = self.landing / name
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        at = None if time is None else START + timedelta(hours=time)
        file = LedgerFile(
            "ehr_fhir", self.received, date(2026, 1, day), name, digest, 1, transaction_time=at
        )
        load(self.lake, self.landing, self.source, [file])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with connect(self.lake) as connection:
            return connection.execute(query).fetchall()

    def current(self) -> dict[str, int]:
        query = (
            "select id, json_extract(resource, '$.multipleBirthInteger')::int from fhir_current"
            " where resource_type = 'Patient'"
        )
        found = self.rows(query)
        assert len(found) == len(dict(found))
        return dict(found)

    def collisions(self) -> dict[tuple[str, str], tuple[int, int]]:
        rows = self.rows("select resource_type, kind, ids, versions from fhir_collision")
        return {(type_, kind): (ids, versions) for type_, kind, ids, versions in rows}

    def decided_by_delivery(self) -> set[str]:
        query = "select distinct id from fhir_version where is_decided_by_delivery"
        return {id_ for (id_,) in self.rows(query)}


def derive_deletions(lake: Lake) -> None:
    """Fill the one flat table that versions need; all tables are filled in a test of their own."""
    view = next(v for v in packaged_views() if v.name == "bundle_deletion")
    names = [column.name for column in view_tables.LEADING_COLUMNS]
    relation = "(select * from raw_fhir__resource where resource_type = 'Bundle')"
    with connect(lake) as connection:
        rows = connection.sql(compile_view(view).over(relation, names)).to_arrow_table()
    write(lake, view_tables.table_of(view), rows, mode="overwrite")


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    kind = draw(st.sampled_from(["full"] * 6 + ["subsetted", "deletion", "deletion"]))
    return Statement(
        content=draw(st.integers(0, 2)),
        instant=draw(st.none() | st.integers(0, 4)),
        offset=draw(st.integers(-11, 13)),
        number=None if kind == "deletion" else draw(st.none() | st.integers(8, 11)),
        is_subsetted=kind == "subsetted",
        is_deletion=kind == "deletion",
    )


@st.composite
def scenarios(draw: st.DrawFn) -> list[Delivered]:
    """Some deliveries with statements about many ids, each id with a story of its own."""
    times = draw(st.lists(st.none() | st.integers(0, 5), min_size=2, max_size=4))
    delivered: list[list[tuple[str, Statement]]] = [[] for _ in times]
    for number in range(IDS):
        story = st.tuples(st.integers(0, len(times) - 1), statements())
        for index, statement in draw(st.lists(story, min_size=1, max_size=4)):
            delivered[index].append((f"p{number}", statement))
    return [Delivered(time, tuple(lines)) for time, lines in zip(times, delivered, strict=True)]


def land_all(landed: Landed, deliveries: Sequence[Delivered]) -> None:
    for delivered in deliveries:
        landed.take([s.line(id_) for id_, s in delivered.statements], delivered.time)
    derive_deletions(landed.lake)


# no shrinking: an example is a lake, and a failure names the id whose story to read
QUICK = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


@QUICK
@given(deliveries=scenarios(), data=st.data())
def test_any_order_gives_the_same_truth_or_is_counted(
    tmp_path: Path, deliveries: list[Delivered], data: st.DataObject
) -> None:
    orders = [deliveries, data.draw(st.permutations([*deliveries, deliveries[0]]))]
    states, undecided = [], set()
    for order in orders:
        landed = Landed(tmp_path / "landed")
        land_all(landed, order)
        wanted = {i: s.line(i) for i, s in oracle(order).items() if s is not None}
        found = dict(landed.rows("select id, resource from fhir_current where id like 'p%'"))
        counted = landed.decided_by_delivery()
        for id_ in wanted.keys() | found.keys():
            assert found.get(id_) == wanted.get(id_), (id_, counted)
        undecided |= counted
        states.append(found)
    first, second = states
    for id_ in first.keys() | second.keys():
        assert first.get(id_) == second.get(id_) or id_ in undecided, id_


def patient(content: int, *, updated: str | None = None, version: str | None = None) -> str:
    meta = {"lastUpdated": updated, "versionId": version}
    stated = {key: value for key, value in meta.items() if value is not None}
    return json.dumps(
        {"resourceType": "Patient", "id": "p", "meta": stated, "multipleBirthInteger": content}
    )


def removal(*urls: str, updated: str | None = None) -> str:
    meta = {"lastUpdated": updated} if updated else {}
    entry = [{"request": {"method": "DELETE", "url": url}} for url in urls]
    return json.dumps(
        {"resourceType": "Bundle", "type": "transaction", "meta": meta, "entry": entry}
    )


NEWER = {
    "an offset that sorts wrongly as text": (
        patient(0, updated="2026-01-01T10:00:00+02:00"),
        patient(1, updated="2026-01-01T08:00:01Z"),
    ),
    "an offset before the year": (
        patient(0, updated="2026-01-01T00:30:00+14:00"),
        patient(1, updated="2025-12-31T23:00:00-12:00"),
    ),
    "a fraction": (
        patient(0, updated="2026-01-01T10:00:00Z"),
        patient(1, updated="2026-01-01T10:00:00.5Z"),
    ),
    "a fraction below a microsecond": (
        patient(0, updated="2026-01-01T10:00:00.1234567Z"),
        patient(1, updated="2026-01-01T10:00:00.1234568Z"),
    ),
    "a month": (patient(0, updated="2026-01"), patient(1, updated="2026-01-02T00:00:00Z")),
    "a year": (patient(0, updated="2026"), patient(1, updated="2026-01-01T00:00:01Z")),
    "a leap second": (
        patient(0, updated="2026-12-31T23:59:58Z"),
        patient(1, updated="2026-12-31T23:59:60Z"),
    ),
    "ten after nine": (patient(0, version="9"), patient(1, version="10")),
    "ten after nine at one instant": (
        patient(0, updated="2026-01-01T00:00:00Z", version="9"),
        patient(1, updated="2026-01-01T00:00:00.000+00:00", version="10"),
    ),
    "a version longer than a machine word": (
        patient(0, version="99999999999999999999"),
        patient(1, version="100000000000000000000"),
    ),
}


@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize("name", NEWER)
def test_the_newer_version_wins(tmp_path: Path, name: str, older_first: bool) -> None:
    older, newer = NEWER[name]
    landed = Landed(tmp_path)
    for line in (older, newer) if older_first else (newer, older):
        landed.take([line], None)
    assert landed.current() == {"p": 1}
    assert ("Patient", "decided_by_delivery") not in landed.collisions()


@pytest.mark.parametrize(
    "exports",
    [((0, 1), (1, 2), (0, 3)), ((0, 3), (1, 2), (0, 1)), ((0, 1), (0, 3), (1, 2))],
)
def test_a_content_delivered_again_by_a_later_export_is_current(
    tmp_path: Path, exports: Sequence[tuple[int, int]]
) -> None:
    landed = Landed(tmp_path)
    for content, time in exports:
        landed.take([patient(content)], time)
    assert landed.current() == {"p": 0}
    assert landed.collisions() == {}


def test_what_nothing_orders_is_decided_by_delivery_and_counted(tmp_path: Path) -> None:
    landed = Landed(tmp_path)
    for content in (0, 1, 0):
        landed.take([patient(content)], None)
    assert landed.current() == {"p": 0}
    assert landed.collisions()["Patient", "decided_by_delivery"][0] == 1


def test_a_version_without_a_stamp_stands_behind_the_newest_known_before_it(
    tmp_path: Path,
) -> None:
    landed = Landed(tmp_path)
    landed.take([patient(0, updated="2026-01-01T00:00:00Z")], None)
    landed.take([patient(1)], None)
    assert landed.current() == {"p": 1}
    landed.take([patient(2, updated="2025-01-01T00:00:00Z")], None)
    assert landed.current() == {"p": 1}
    landed.take([patient(3, updated="2026-01-01T00:00:01Z")], None)
    assert landed.current() == {"p": 3}


def test_a_subsetted_version_never_replaces_a_full_one(tmp_path: Path) -> None:
    landed = Landed(tmp_path)
    tagged = json.loads(patient(1, updated="2026-01-02T00:00:00Z"))
    tagged["meta"]["tag"] = [{"code": "SUBSETTED"}]
    landed.take([json.dumps(tagged)], None)
    assert landed.current() == {"p": 1}
    landed.take([patient(0, updated="2026-01-01T00:00:00Z")], None)
    assert landed.current() == {"p": 0}


APPLIED = ("Patient/p", "https://ehr.example/fhir/Patient/p", "/Patient/p")
REFUSED = (
    "Patient?identifier=p",
    "Patient/p/_history/2",
    "Patient",
    "p",
    "",
    "Patient/p?x=1",
    "urn:uuid:p",
)


@pytest.mark.parametrize("url", APPLIED)
def test_a_deletion_removes_what_is_not_newer(tmp_path: Path, url: str) -> None:
    landed = Landed(tmp_path)
    first = patient(0, updated="2026-01-01T10:00:00Z")
    deletion = removal("Patient/other", url, updated="2026-01-01T12:00:00+02:00")
    landed.take([deletion], None)  # before the resource itself
    derive_deletions(landed.lake)
    landed.take([first], None)
    assert landed.current() == {}
    landed.take([patient(1, updated="2026-01-01T09:59:59Z")], None)  # a stale delivery
    assert landed.current() == {}
    landed.take([patient(2, updated="2026-01-01T10:00:01Z")], None)  # created again
    assert landed.current() == {"p": 2}
    landed.take([deletion], None)  # a replay
    derive_deletions(landed.lake)
    assert landed.current() == {"p": 2}
    assert landed.collisions() == {}


@pytest.mark.parametrize("url", REFUSED)
def test_a_deletion_that_names_no_resource_is_counted(tmp_path: Path, url: str) -> None:
    landed = Landed(tmp_path)
    landed.take([patient(0), removal(url)], None)
    derive_deletions(landed.lake)
    assert landed.current() == {"p": 0}
    counted = {kind: ids for (_, kind), (ids, _) in landed.collisions().items()}
    assert counted == {"deletion_not_applied": 1}


def test_what_an_export_says_of_itself_is_no_current_resource(tmp_path: Path) -> None:
    landed = Landed(tmp_path)
    outcome = json.dumps({"resourceType": "OperationOutcome", "id": "o", "issue": []})
    document = json.dumps({"resourceType": "Bundle", "id": "d", "type": "document", "entry": []})
    landed.take([patient(1), removal("Patient/other"), outcome, document], None)
    derive_deletions(landed.lake)
    rows = landed.rows("select resource_type from fhir_current where resource_type <> 'Patient'")
    assert rows == [("Bundle",)]


def test_an_export_that_holds_and_deletes_a_resource_is_counted(tmp_path: Path) -> None:
    landed = Landed(tmp_path)
    landed.take([patient(0, updated="2026-01-01T00:00:00Z")], 1)
    landed.take([patient(1, updated="2026-01-01T00:30:00Z"), removal("Patient/p")], 2)
    derive_deletions(landed.lake)
    assert landed.current() == {"p": 1}
    assert landed.collisions()["Patient", "output_and_deleted_in_one_export"] == (1, 1)
    landed.take([removal("Patient/p")], 3)
    derive_deletions(landed.lake)
    assert landed.current() == {}
