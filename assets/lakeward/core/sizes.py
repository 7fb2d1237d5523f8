"""How much memory a query may take: a size in words, and the default for this machine.

Who reads the setting is `settings`; who obeys it is `lake.query`.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from lakeward.core.errors import UsageError

MIB, GIB = 2**20, 2**30
LEAST = 512 * MIB
"""With less, the store of a small hospital cannot be built: its tables do not fit even spilled."""
MOST_BY_DEFAULT = 2 * GIB
"""Enough for a hospital of 2 million resources; more makes the first load faster, no night."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT])i?B?", re.IGNORECASE)
_POWER = {"K": 1, "M": 2, "G": 3, "T": 4}
_CGROUP = Path("/sys/fs/cgroup/memory.max")
"""Where a container states its limit (cgroup v2); the machine's own size says nothing there."""


def read_size(text: str, where: str) -> int:
    """Read a size as `3GB`, `3 GiB` or `800M`, all in powers of 1024, and return its bytes.

    Raises:
        UsageError: It is no size, or less than `LEAST`.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * 1024 ** _POWER[found[2].upper()]) if found else 0
    if size < LEAST:
        raise UsageError(
            where, "is no usable size", f"{LEAST // MIB}MB or more, as 3GB", "correct the setting"
        )
    return size


def default_size() -> int:
    """Return a quarter of the memory of this machine or container, within bounds."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no such file, or `max`
        machine = min(machine, int(_CGROUP.read_text()))
    return min(max(machine // 4, LEAST), MOST_BY_DEFAULT)
