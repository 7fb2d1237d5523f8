"""How the stored records of a format are found and called; imports nothing, to answer at once.

`lakeward trace` and `lakeward why` need no more of a format than this, and loading a format whole
takes longer than their answer. What else a format is, is in `formats`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredRecords:
    """Where records of a format are stored, and what they are called there.

    Attributes:
        table: The raw table.
        position: Its column that numbers the records of a file.
        title: SQL over it that names a record by its type, without PHI.
        called: SQL over it: what its sender calls a record.
    """

    table: str
    position: str
    title: str
    called: str
