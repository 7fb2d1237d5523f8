"""Taking a table back to an earlier version, when what replaced it could not be made whole."""

from lakeward.lake.tables import Lake, open_table


def restore(lake: Lake, table: str, version: int) -> None:
    """Commit the rows and columns of an earlier version as the newest one.

    The commit says nothing of progress, so a derived table is rebuilt by the next run.
    """
    if (opened := open_table(lake, table)) is not None:
        opened.restore(version)
