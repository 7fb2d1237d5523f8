"""The end of a command: what is the user's stays on stderr, what libraries list does not."""

import subprocess
import sys

CODE = """
import atexit, os
from lakeward.orchestration.cli.quiet_exit import silence_libraries_at_exit

class Library:
    def __del__(self, write=os.write):
        write(2, b"leaked instance\\n")

silence_libraries_at_exit()
atexit.register(os.write, 2, b"of an exit function\\n")
alive = Library()
os.write(2, b"error: what is wrong\\n")
raise SystemExit(2)
"""


def test_only_what_libraries_say_while_python_ends_is_silenced() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: what is wrong\nof an exit function\n"
