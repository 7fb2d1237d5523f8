"""HL7 v2 batch files: envelopes, control ids, counts, and a message that a feed sends twice.

    FHS | BHS | MSH ... | MSH ... | BTS count | FTS 1        segments end with a carriage return

One `Feed` for each source and day streams to its file. Messages are in the order in which things
happened, with times as they were; no message comes late or out of order here.

Source: HL7 v2.5.1 chapter 2, batch protocol.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from lakeward.simulator import hl7_segments as seg
from lakeward.simulator.events import Event
from lakeward.simulator.facility_clock import FacilityClock
from lakeward.simulator.feed_habits import Hand
from lakeward.simulator.hl7_messages import ADT, ORDERS, SIU, Message, messages
from lakeward.simulator.hospital import FACILITY
from lakeward.simulator.world import World

FILES = {ADT: "adt.hl7", SIU: "siu.hl7", ORDERS: "orders.hl7"}
_SENDERS = {ADT: "LKWDADT", SIU: "LKWDSCH", ORDERS: "LKWDEHR"}
_RESENT = {ADT: 5, SIU: 8}
"""Number of the message in a day's batch that comes twice, with the same control id: senders repeat
a message that was not acknowledged in time, and readers must not count it twice."""
_CR = "\r"


@dataclass
class Feed:
    """One open batch file.

    Attributes:
        source: Name of the interface.
        file: Where the bytes go.
        count: Messages written, re-sent ones included.
    """

    source: str
    file: BinaryIO
    count: int = 0

    def put(self, segments: list[str]) -> None:
        """Write segments, each ended by a carriage return."""
        self.file.write((_CR.join(segments) + _CR).encode())

    def send(self, segments: list[str]) -> None:
        """Write one message."""
        self.put(segments)
        self.count += 1


@dataclass
class Hl7Writer:
    """Turns events into the day's batch files.

    Attributes:
        world: The hospital, in the state right after the event at hand.
        clock: The facility's time.
        hand: Writes a message as the feed's habits have it.
        sent: Messages by trigger over the whole run.
    """

    world: World
    clock: FacilityClock
    hand: Hand = field(default_factory=Hand)
    sent: Counter[str] = field(default_factory=Counter)
    _feeds: dict[str, Feed] = field(default_factory=dict)
    _controls: Counter[str] = field(default_factory=Counter)

    def open_day(self, day: date, folders: dict[str, Path]) -> None:
        """Begin the batch files of `day`, one in the folder of each source."""
        for source, name in FILES.items():
            feed = Feed(source, (folders[source] / name).open("wb"))
            # 23:59: a batch is closed after the day's last message, and still bears that day's date
            created = self.clock.hl7(self.clock.at(day, 24 * 60 - 1))
            batch = f"{_SENDERS[source]}-{day:%Y%m%d}"
            feed.put(
                [_header("FHS", source, created, batch), _header("BHS", source, created, batch)]
            )
            self._feeds[source] = feed

    def close_day(self) -> None:
        """End the batch files with their counts."""
        for feed in self._feeds.values():
            feed.put([f"BTS|{feed.count}", "FTS|1"])
            feed.file.close()
        self._feeds = {}

    def write_event(self, event: Event) -> None:
        """Write the messages of one event."""
        for message in messages(self.world, self.clock, event):
            feed = self._feeds[message.source]
            segments = self.hand.message([self._msh(message, event.at), *message.segments])
            feed.send(segments)
            self.sent[_trigger(message)] += 1
            # counted in the trailer as well: the batch is whole, and the
            # repeat is found by its content
            if feed.count == _RESENT.get(message.source):
                feed.send(segments)
                self.sent[_trigger(message)] += 1

    def _msh(self, message: Message, at: datetime) -> str:
        sender = _SENDERS[message.source]
        self._controls[sender] += 1
        fields = {
            1: r"^~\&",
            2: sender,
            3: FACILITY,
            4: "LAKEWARD",
            5: FACILITY,
            6: self.clock.hl7(at),
            8: message.type,
            9: f"{sender}{self._controls[sender]:09d}",
            10: "P",
            11: "2.5.1",
            # names have letters beyond ASCII: without MSH-18 a reader would have to guess
            17: "UNICODE UTF-8",
        }
        return seg.segment("MSH", fields)


def _trigger(message: Message) -> str:
    kind, trigger, _ = message.type.split("^")
    return f"{kind}^{trigger}"


def _header(name: str, source: str, created: str, batch: str) -> str:
    fields = {1: r"^~\&", 2: _SENDERS[source], 3: FACILITY, 4: "LAKEWARD", 5: FACILITY, 6: created}
    return seg.segment(name, fields | {8: f"{batch}.hl7", 10: batch})
