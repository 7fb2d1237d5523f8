"""How a command ends: nothing on stderr that is no matter of the user's."""

import atexit
import os
import sys


def silence_libraries_at_exit() -> None:
    """Close stderr for what native libraries write while the interpreter is taken down.

    DuckDB's bindings list every object that is alive by then, dozens of lines, which is normal
    where a module holds a type or a connection for the length of the process. Registered before
    anything else, so that it runs after every other exit function has had its say.
    """
    atexit.register(_close_stderr)


def _close_stderr() -> None:
    try:
        sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        # the descriptor, not `sys.stderr`: libraries do not ask Python where to write
        os.dup2(nowhere, 2)
        os.close(nowhere)
    except (OSError, ValueError):  # closed by whoever started the command
        return
