"""What a source has sent before: which contents, and which control ids with which content.

Held as 16-byte hashes, sorted for what is stored and in sets for what this load adds, so that
millions of earlier messages fit in memory.
"""

from dataclasses import dataclass, field
from hashlib import md5

import numpy as np
from numpy.typing import NDArray

from lakeward.lake.query import Connection

_WIDTH = 16
_SQL = """
select unhex(left(content_sha256, 32)) as content,
    unhex(md5(
        coalesce(sending_application, '') || chr(31) || coalesce(sending_facility, '') || chr(31)
        || control_id
    )) as key
from raw_hl7v2__message
where source = $source and received <= $through
"""


@dataclass
class Known:
    """Contents and message keys of one source, growing while a load runs."""

    contents: NDArray[np.bytes_]
    keys: NDArray[np.bytes_]
    new_contents: set[bytes] = field(default_factory=set)
    new_keys: set[bytes] = field(default_factory=set)

    @classmethod
    def stored(cls, connection: Connection, source: str, through: int) -> "Known":
        """Read what is stored of a source, up to a file."""
        parameters = {"source": source, "through": through}
        rows = connection.sql(_SQL, params=parameters).to_arrow_table()
        return cls(_sorted(rows["content"].to_pylist()), _sorted(rows["key"].to_pylist()))

    def admit(self, hashes: list[bytes], keys: list[bytes | None]) -> tuple[list[int], list[bool]]:
        """Take in messages; give the indices of new ones, and whether the key of each is reused."""
        contents = [digest[:_WIDTH] for digest in hashes]
        seen_content = _within(self.contents, contents)
        seen_key = _within(self.keys, [key or b"" for key in keys])
        fresh, reused = [], []
        for index, (content, key) in enumerate(zip(contents, keys, strict=True)):
            if seen_content[index] or content in self.new_contents:
                continue
            self.new_contents.add(content)
            fresh.append(index)
            reused.append(key is not None and bool(seen_key[index] or key in self.new_keys))
            if key is not None:
                self.new_keys.add(key)
        return fresh, reused


def message_key(
    application: str | None, facility: str | None, control_id: str | None
) -> bytes | None:
    """Hash MSH-3, MSH-4 and MSH-10; None when there is no control id."""
    if control_id is None:
        return None
    text = "\x1f".join((application or "", facility or "", control_id))
    return md5(text.encode("utf-8"), usedforsecurity=False).digest()


def _sorted(digests: list[bytes | None]) -> NDArray[np.bytes_]:
    return np.sort(np.array([d for d in digests if d is not None], f"S{_WIDTH}"))


def _within(stored: NDArray[np.bytes_], digests: list[bytes]) -> NDArray[np.bool_]:
    if not len(stored):
        return np.zeros(len(digests), bool)
    wanted = np.array(digests, f"S{_WIDTH}")
    at = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    return np.asarray(stored[at] == wanted, bool)
