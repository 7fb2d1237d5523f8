"""The one error tree of Lakeward.

Every failure that a person can meet is a `LakewardError`; nothing else belongs here. The text
is `<where>: <what is wrong>; expected <what>; <remedy>` and never holds a value from a record:
it says where something stands, not what it says.

    LakewardError
    ├── PermanentError        the same call fails again
    │   ├── UsageError        the call or the environment is wrong (exit code 2)
    │   ├── SpecError         a ViewDefinition, segment table, contract or inventory is wrong
    │   ├── DamagedError      a file of a table is missing or not whole
    │   ├── DiskError         the disk is full
    │   └── ContractError     the data broke a contract (exit code 1)
    └── RetryableError        the same call may pass later
"""


class LakewardError(Exception):
    """Say where something is wrong, what is wrong, what was expected and what to do."""

    def __init__(self, where: str, what: str, expected: str = "", remedy: str = "") -> None:
        self.where = where
        self.what = what
        self.expected = expected
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)


class PermanentError(LakewardError):
    """A failure that a retry cannot mend."""


class UsageError(PermanentError):
    """The command, its arguments or the environment are wrong (exit code 2)."""


class SpecError(PermanentError):
    """A spec that we read as data (view, segment, contract, inventory) is wrong."""


class DamagedError(PermanentError):
    """A table has lost a file: somebody or something outside Lakeward changed its folder."""


class DiskError(PermanentError):
    """No space is left where something has to be written."""


class ContractError(PermanentError):
    """The data broke a contract of severity error (exit code 1)."""


class RetryableError(LakewardError):
    """A failure that may pass when the same call is made again."""
