"""What a source has sent before: which contents, and which control ids with which content.

Held as 16-byte hashes, nearly all in sorted arrays, so that millions of messages fit in memory: 16
bytes each, where a Python set of `bytes` takes 90. Half of a SHA-256 is enough to call two contents
equal: among a billion messages of one source, the chance that any two different ones agree is
below one in 10^20.
"""

from dataclasses import dataclass, field
from hashlib import md5

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.arrays import Bools
from lakeward.lake.query import Connection

_WIDTH = 16
"""Bytes of a hash."""
_RUN = 1 << 17
"""Hashes that are held in a Python set, at 90 bytes each, before they are sorted into an array."""
_JOINT = "\x1f"
"""Stands between the parts of a key, so that `A` and `BC` are not `AB` and `C`."""

# the first 16 bytes of content_sha256 are 32 hexadecimal digits
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
class HashSet:
    """A growing set of 16-byte hashes: the newest in a Python set, the others in sorted arrays."""

    sorted: list[NDArray[np.bytes_]]
    new: set[bytes] = field(default_factory=set)

    def contains(self, hashes: list[bytes]) -> Bools:
        """Return for each hash whether it is in the set."""
        found = np.zeros(len(hashes), bool)
        if any(map(len, self.sorted)):
            asked = np.array(hashes, f"S{_WIDTH}")
            for run in self.sorted:
                found |= _is_in(run, asked)
        if self.new and not self.new.isdisjoint(hashes):
            found |= np.fromiter((each in self.new for each in hashes), bool, len(hashes))
        return found

    def add(self, hashes: list[bytes]) -> None:
        """Take in hashes.

        Runs of like size are merged, so that there are few to search: each hash is sorted again
        about log2(n) times, as in a merge sort.
        """
        self.new.update(hashes)
        if len(self.new) < _RUN:
            return
        run = np.sort(np.array(list(self.new), f"S{_WIDTH}"))
        self.new.clear()
        while self.sorted and len(self.sorted[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self.sorted.pop(), run]), kind="stable")
        self.sorted.append(run)


@dataclass
class SeenHashes:
    """Hashes of the contents and message keys of one source, growing while a load runs.

    Attributes:
        contents: Hashes of the messages; one that is here makes a message a duplicate.
        keys: Hashes of sender and control id, see `message_keys`; one that is here with another
            content makes a message stored and flagged, since many senders use control ids again.
    """

    contents: HashSet
    keys: HashSet

    @classmethod
    def stored(cls, connection: Connection, source: str, through: int) -> "SeenHashes":
        """Read what is stored of a source, up to a file.

        Args:
            connection: Over raw and `hl7v2_repeat`.
            source: Name of the interface.
            through: `received` of the last file that counts.
        """
        parameters = {"source": source, "through": through}
        rows = connection.sql(_SQL, params=parameters).to_arrow_table()
        return cls(HashSet([_sorted(rows["content"])]), HashSet([_sorted(rows["key"])]))

    def admit(self, hashes: list[bytes], keys: list[bytes]) -> tuple[NDArray[np.int64], Bools]:
        """Take in messages; return the indices of new ones, and whether the key of each is reused.

        Args:
            hashes: SHA-256 of each message.
            keys: What `message_keys` returns for each.
        """
        # the first half of SHA-256, as the SQL above reads it from raw
        contents = [digest[:_WIDTH] for digest in hashes]
        # a content that was seen is a duplicate; its key was seen with it
        fresh = _first_ones(contents, self.contents.contains(contents))
        self.contents.add([contents[index] for index in fresh.tolist()])
        fresh_keys = [keys[index] for index in fresh.tolist()]
        reused = self.keys.contains(fresh_keys)
        # among themselves, too: the set gets them only below
        reused[_repeated(fresh_keys)] = True
        reused &= np.fromiter(map(bool, fresh_keys), bool, len(fresh_keys))  # no control id: no key
        self.keys.add([key for key in fresh_keys if key])
        return fresh, reused


def message_keys(
    applications: pa.ChunkedArray, facilities: pa.ChunkedArray, control_ids: pa.ChunkedArray
) -> list[bytes]:
    """Hash MSH-3, MSH-4 and MSH-10 of each message; empty when there is no control id."""
    joined = pc.binary_join_element_wise(
        applications.fill_null(""), facilities.fill_null(""), control_ids, _JOINT
    )
    return [
        md5(text, usedforsecurity=False).digest() if text is not None else b""
        for text in joined.cast(pa.binary()).to_pylist()
    ]


def _first_ones(hashes: list[bytes], seen: Bools) -> NDArray[np.int64]:
    """Return the indices of those not seen, each hash once."""
    fresh = ~seen
    fresh[_repeated(hashes)] = False
    return np.flatnonzero(fresh)


def _repeated(hashes: list[bytes]) -> list[int]:
    """Return the indices of those that occur earlier in the same list."""
    # building a set is the fastest way to find that there is none, which is the usual case
    if len(set(hashes)) == len(hashes):
        return []
    first: dict[bytes, int] = {}
    return [i for i, digest in enumerate(hashes) if first.setdefault(digest, i) != i]


def _sorted(hashes: pa.ChunkedArray) -> NDArray[np.bytes_]:
    return np.sort(np.array(hashes.drop_null().to_pylist(), f"S{_WIDTH}"))


def _is_in(run: NDArray[np.bytes_], asked: NDArray[np.bytes_]) -> Bools:
    """Return for each hash whether it is in a sorted array."""
    if not len(run):
        return np.zeros(len(asked), bool)
    at = np.minimum(np.searchsorted(run, asked), len(run) - 1)
    return np.asarray(run[at] == asked, bool)
