"""The dbt-duckdb plugin: shows dbt the pinned lake and stores the rows of its models as Delta.

Only glue for dbt belongs here. Tables under contract are shown in schema `main` at their released
versions, all others in schema `lake` at their newest; the `delta` materialization replaces the view
of each model with its candidate. dbt-duckdb's own `delta` plugin is not used: it returns NULLs for
column-mapped tables, without an error.
"""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import TargetConfig

from lakeward.contracts import load_contracts
from lakeward.core.settings import Settings, load_settings
from lakeward.lake.candidate import store_candidate
from lakeward.lake.memory import bound_memory
from lakeward.lake.query import Connection, register, register_table
from lakeward.lake.release import released_pins
from lakeward.lake.tables import Lake

SOURCE_SCHEMA = "lake"


def define_keys(connection: Connection, settings: Settings) -> None:
    """Define `key_namespace()`, from which all `*_key` columns are made, for one connection.

    A temporary macro: it must not be stored in the catalogue file, for whoever knows the namespace
    can test guesses of identifiers against the keys.
    """
    namespace = uuid5(NAMESPACE_URL, f"lakeward:{settings.key_secret}").hex
    connection.execute(f"create or replace temp macro key_namespace() as from_hex('{namespace}')")


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt-duckdb ships no types
    """What dbt-duckdb loads by the name `lakeward.lake.dbt_plugin`."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Read the settings; dbt offers the plugin no other way to its home."""
        del plugin_config
        self._settings = load_settings()
        self._lake = Lake(self._settings.home.lake)
        self._connection: Connection | None = None

    def configure_connection(self, conn: Connection) -> None:
        """Show the lake in a fresh catalogue."""
        self._connection = conn
        bound_memory(conn, self._settings.home.work / "spill")
        conn.execute("begin")  # one write of the catalogue file, not one for each view
        conn.execute(f"create schema if not exists {SOURCE_SCHEMA}")
        # the newest version of a contracted table may be a candidate that was held: a run must
        # build on what is released, or one broken night would spoil the next
        contracted = frozenset(load_contracts())
        register(conn, self._lake, hidden=contracted, schema=SOURCE_SCHEMA)
        for table, version in released_pins(self._lake).items():
            register_table(conn, self._lake, table, version)
        conn.execute("commit")

    def configure_cursor(self, cursor: Connection) -> None:
        """Define the keys; temporary macros are not shared between cursors."""
        define_keys(cursor, self._settings)

    def store(self, target_config: TargetConfig) -> None:
        """Store the rows of a model; called by the `delta` materialization."""
        if self._connection is None:
            return
        table = str(target_config.location.path)
        with self._connection.cursor() as cursor:
            # a cursor has neither the macros nor the settings of its connection; in the zone of the
            # machine a cast of an instant to a date would give another day
            define_keys(cursor, self._settings)
            cursor.execute("set TimeZone = 'UTC'")
            store_candidate(self._lake, cursor, table, target_config.config["sql"])
