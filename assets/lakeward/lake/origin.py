"""The columns that say where a row comes from: every raw, flat and quarantine table has some.

Written once, so that one name means one thing in all tables. Each table takes those that it needs,
in its own order. They stand here, below landing and quarantine, because both use them.
"""

from lakeward.core.phi import Phi
from lakeward.lake.tables import Column

SOURCE = Column("source", "VARCHAR", Phi.N, "Interface that delivered the record", is_ours=True)
RECEIVED = Column("received", "BIGINT", Phi.N, "Sequence number of the file within its source")
DAY = Column("day", "DATE", Phi.N, "Day of the delivery")
FILE = Column("file", "VARCHAR", Phi.LK, "Path below landing; names are the sender's")

LINE = Column("line", "BIGINT", Phi.N, "Line in the file, from 1")
MESSAGE = Column("message", "BIGINT", Phi.N, "Number of the message in its file, from 1")
BYTE_OFFSET = Column(
    "byte_offset", "BIGINT", Phi.N, "First byte of the record in the file (unpacked), from 0"
)
BYTE_LENGTH = Column("byte_length", "BIGINT", Phi.N, "Length in bytes as delivered")

ORIGIN = (SOURCE, RECEIVED, DAY, FILE)
"""Which file a record stands in; `source` and `received` name it."""
