"""Ops: what was built from what, whether it adds up, and what the checks said."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import Table, column

_OWNER = "team:data-platform"
_KINDS = ("deltalake", "ops")


class HourState(pa.DataFrameModel):
    """Append-only log; the newest row of a table and hour is its state and its commit point."""

    table: T.StringType = column("`layer/name`.")
    hour: T.StringType = column(
        "The table's hour, for bronze the home hour; the day of a daily table; `all` of a snapshot."
    )
    version: T.LongType = column("Delta version that holds the hour's rows.", ge=0)
    input_version: T.LongType = column("Version of the input table that was read.", ge=-1)
    reach_from: T.StringType = column("First input hour that can change this hour.")
    reach_to: T.StringType = column("Last input hour that can change this hour.")
    linked_hours: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Input hours outside the reach that also change it (repeated orders)."
    )
    sources: Annotated[T.ArrayType, T.StringType(), True] = column("Sources with lines here.")
    row_count: T.LongType = column("Rows of the hour.", ge=0)
    content_hash: T.StringType = column("Order-free hash of the hour's rows.", nullable=True)
    max_event_at: T.TimestampType = column("Newest accepted event.", nullable=True)
    code_version: T.StringType = column("Version of rules, mappings and settings used.")
    blocked_by: T.StringType = column(
        "Blocking rule that kept the hour's new rows out of the table.", nullable=True
    )
    is_stale: T.BooleanType = column("A mark: rebuild, whatever the versions say.")
    input_digest: T.StringType = column(
        "Daily tables and snapshots: the versions of all inputs that were read, as one digest.",
        nullable=True,
    )
    run_id: T.StringType = column("Dagster run.")
    recorded_at: T.TimestampType = column("When the row was appended.")


HOUR_STATE = Table(
    layer="ops",
    name="hour_state",
    model=HourState,
    grain="one row per table, hour and commit",
    keys=("table", "hour", "recorded_at"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    reach="none",
    kinds=_KINDS,
    hourly=False,
)


class ConservationLedger(pa.DataFrameModel):
    """Where every line went, so that lines = accepted + duplicates + quarantined + pending."""

    ingest_hour: T.StringType = column("Hour of arrival.", of=("bronze/events.ingest_hour",))
    home_hour: T.StringType = column("Hour silver judges it in.", of=("bronze/events.home_hour",))
    source: T.StringType = column("Source mapping.", of=("bronze/events.source",))
    lines: T.LongType = column("Lines in bronze.", of=("bronze/events.source_offset",), ge=0)
    accepted: T.LongType = column("In silver/events.", of=("silver/events.source_offset",), ge=0)
    duplicates: T.LongType = column(
        "In silver/duplicates.", of=("silver/duplicates.source_offset",), ge=0
    )
    quarantined: T.LongType = column(
        "In silver/quarantine.", of=("silver/quarantine.source_offset",), ge=0
    )
    pending: T.LongType = column("In none yet: their home hour is stale.", ge=0)
    run_id: T.StringType = column("Dagster run that counted.")


CONSERVATION_LEDGER = Table(
    layer="ops",
    name="conservation_ledger",
    model=ConservationLedger,
    grain="one row per ingest hour, home hour and source",
    keys=("ingest_hour", "home_hour", "source"),
    partition_by="home_hour",
    writer="deltalake",
    owner=_OWNER,
    inputs=("silver/events", "silver/duplicates", "silver/quarantine"),
    kinds=_KINDS,
)


class DqResults(pa.DataFrameModel):
    """What each rule of each table found in each hour, run by run."""

    table: T.StringType = column("`layer/name`.")
    hour: T.StringType = column("Hour that was checked.")
    check: T.StringType = column("Asset check: contract, conservation or freshness.")
    rule: T.StringType = column("Rule within the check.")
    action: T.StringType = column("reject, warn or block.", isin=["reject", "warn", "block"])
    rows_checked: T.LongType = column("Rows looked at.", ge=0)
    failed_count: T.LongType = column("Rows (or keys) that broke the rule.", ge=0)
    passed: T.BooleanType = column("Whether the rule held.")
    run_id: T.StringType = column("Dagster run.")
    recorded_at: T.TimestampType = column("When.")


DQ_RESULTS = Table(
    layer="ops",
    name="dq_results",
    model=DqResults,
    grain="one row per table, hour, rule and run",
    keys=("table", "hour", "check", "rule", "run_id"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    reach="none",
    kinds=_KINDS,
    hourly=False,
)


class IdentityDecisions(pa.DataFrameModel):
    """Append-only log of what people decided about links of ids; the newest one counts."""

    visitor_id: T.StringType = column(
        "The visitor.", of=("gold/identity_links.visitor_id",), pii="id"
    )
    user_id: T.StringType = column("The account.", of=("gold/identity_links.user_id",), pii="id")
    action: T.StringType = column(
        "`cut`: as if they had never been seen together; `restore`: as if never cut.",
        isin=["cut", "restore"],
    )
    reason: T.StringType = column("Why, in the author's words.", nullable=True, pii="free_text")
    author: T.StringType = column("Who decided.")
    decided_at: T.TimestampType = column("When.")


IDENTITY_DECISIONS = Table(
    layer="ops",
    name="identity_decisions",
    model=IdentityDecisions,
    grain="one row per decision on a link of a visitor and an account",
    keys=("visitor_id", "user_id", "decided_at"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    reach="none",
    kinds=_KINDS,
    hourly=False,
)


class Repairs(pa.DataFrameModel):
    """Append-only log of decisions about lines; the newest decision on a line counts."""

    source_file: T.StringType = column("Address of the line.", of=("bronze/events.source_file",))
    source_offset: T.LongType = column("Address of the line.", of=("bronze/events.source_offset",))
    action: T.StringType = column(
        "`repair`: read the replacement; `discard`: it stays rejected, nobody needs to look.",
        isin=["repair", "discard"],
    )
    replacement: T.BinaryType = column(
        "Bytes that are read in place of the line's own; null for `discard`.",
        nullable=True,
        pii="free_text",
    )
    rule: T.StringType = column("The rule whose lines were chosen; null for all.", nullable=True)
    fix: T.StringType = column("The SQL that made the replacement.", nullable=True)
    author: T.StringType = column("Who decided.")
    decided_at: T.TimestampType = column("When.")


REPAIRS = Table(
    layer="ops",
    name="repairs",
    model=Repairs,
    grain="one row per decision on a line",
    keys=("source_file", "source_offset", "decided_at"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    reach="none",
    kinds=_KINDS,
    hourly=False,
)
