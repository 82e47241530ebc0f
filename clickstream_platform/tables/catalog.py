"""Every contract of the lake, in the order they are built."""

from clickstream_platform.errors import UsageError
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.catalogue import BRONZE_CATALOGUE, CATALOGUE
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.costs import COST_HOURLY
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS
from clickstream_platform.tables.lateness import LATENESS_HOURLY
from clickstream_platform.tables.ops import (
    CONSERVATION_LEDGER,
    DQ_RESULTS,
    HOUR_STATE,
    IDENTITY_DECISIONS,
    REPAIRS,
)
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.tables.warnings import INGESTION_WARNINGS

SILVER = (SILVER_DUPLICATES, SILVER_QUARANTINE, SILVER_EVENTS)  # in commit order
OPS = (
    HOUR_STATE,
    CONSERVATION_LEDGER,
    INGESTION_WARNINGS,
    LATENESS_HOURLY,
    DQ_RESULTS,
    COST_HOURLY,
    REPAIRS,
    IDENTITY_DECISIONS,
)
ALL = (BRONZE_EVENTS, BRONZE_CATALOGUE, *SILVER, *CATALOGUE, *GOLD, *DAILY, *SNAPSHOTS, *OPS)
BY_PATH = {table.path: table for table in ALL}


def table(path: str) -> Table:
    """The contract of `layer/name`.

    Raises: UsageError listing the known tables.
    """
    if path not in BY_PATH:
        raise UsageError(f"There is no table {path!r}. Tables: {', '.join(BY_PATH)}.")
    return BY_PATH[path]
