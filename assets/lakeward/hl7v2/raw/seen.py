"""What a source has sent before: which contents, and which control ids with which content.

Held as 16-byte hashes, nearly all in sorted arrays, so that millions of messages fit in memory.
"""

from dataclasses import dataclass, field
from hashlib import md5

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.lake.query import Connection

_WIDTH = 16
_RUN = 1 << 17
"""Hashes that are held in a Python set, at 90 bytes each, before they are sorted into an array."""

_SQL = """
select unhex(left(content_sha256, 32)) as content,
    unhex(md5(
        coalesce(sending_application, '') || chr(31) || coalesce(sending_facility, '') || chr(31)
        || control_id
    )) as key
from raw_hl7v2__message
where source = $source and received <= $through
union all
select unhex(left(content_sha256, 32)), message_key
from hl7v2_repeat
where source = $source and received <= $through
"""


@dataclass
class Digests:
    """A growing set of 16-byte hashes: the newest in a Python set, the others in sorted arrays."""

    sorted: list[NDArray[np.bytes_]]
    new: set[bytes] = field(default_factory=set)

    def within(self, digests: list[bytes]) -> NDArray[np.bool_]:
        """Say which are in the set."""
        found = np.zeros(len(digests), bool)
        if any(map(len, self.sorted)):
            wanted = np.array(digests, f"S{_WIDTH}")
            for run in self.sorted:
                found |= _within(run, wanted)
        if self.new and not self.new.isdisjoint(digests):
            found |= np.fromiter((d in self.new for d in digests), bool, len(digests))
        return found

    def add(self, digests: list[bytes]) -> None:
        """Take in hashes; runs of like size are merged, so that there are few."""
        self.new.update(digests)
        if len(self.new) < _RUN:
            return
        run = np.sort(np.array(list(self.new), f"S{_WIDTH}"))
        self.new.clear()
        while self.sorted and len(self.sorted[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self.sorted.pop(), run]), kind="stable")
        self.sorted.append(run)


@dataclass
class Known:
    """Contents and message keys of one source, growing while a load runs."""

    contents: Digests
    keys: Digests

    @classmethod
    def stored(cls, connection: Connection, source: str, through: int) -> "Known":
        """Read what is stored of a source, up to a file."""
        parameters = {"source": source, "through": through}
        rows = connection.sql(_SQL, params=parameters).to_arrow_table()
        return cls(Digests([_sorted(rows["content"])]), Digests([_sorted(rows["key"])]))

    def admit(
        self, hashes: list[bytes], keys: list[bytes]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Take in messages; give the indices of new ones, and whether the key of each is reused.

        Args:
            hashes: SHA-256 of each message.
            keys: What `message_keys` gives for each.
        """
        contents = [digest[:_WIDTH] for digest in hashes]
        fresh = _first_ones(contents, self.contents.within(contents))
        self.contents.add([contents[index] for index in fresh.tolist()])
        names = [keys[index] for index in fresh.tolist()]
        reused = self.keys.within(names)
        reused[_repeated(names)] = True
        reused &= np.fromiter(map(bool, names), bool, len(names))
        self.keys.add([name for name in names if name])
        return fresh, reused


def _first_ones(digests: list[bytes], seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the indices of those not seen, each once."""
    fresh = ~seen
    fresh[_repeated(digests)] = False
    return np.flatnonzero(fresh)


def _repeated(digests: list[bytes]) -> list[int]:
    """Give the indices of those that stand before in the same list."""
    if len(set(digests)) == len(digests):
        return []
    first: dict[bytes, int] = {}
    return [i for i, digest in enumerate(digests) if first.setdefault(digest, i) != i]


def message_keys(
    applications: pa.ChunkedArray, facilities: pa.ChunkedArray, control_ids: pa.ChunkedArray
) -> list[bytes]:
    """Hash MSH-3, MSH-4 and MSH-10 of each message; empty when there is no control id."""
    joined = pc.binary_join_element_wise(
        applications.fill_null(""), facilities.fill_null(""), control_ids, "\x1f"
    )
    return [
        md5(text, usedforsecurity=False).digest() if text is not None else b""
        for text in joined.cast(pa.binary()).to_pylist()
    ]


def _sorted(digests: pa.ChunkedArray) -> NDArray[np.bytes_]:
    return np.sort(np.array(digests.drop_null().to_pylist(), f"S{_WIDTH}"))


def _within(stored: NDArray[np.bytes_], wanted: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    if not len(stored):
        return np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    return np.asarray(stored[at] == wanted, bool)
