"""Orders whose purchases do not agree, for people to look at."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import Table, column

_SILVER = "silver/events."
CONFLICT_RULE = "transaction_conflict"


class TransactionConflicts(pa.DataFrameModel):
    """Repeats of an order with another value or currency than its first purchase; nothing is
    dropped: the order keeps the first."""

    event_hour: T.StringType = column("Hour of the repeat.", of=(_SILVER + "event_hour",))
    id_scope: T.StringType = column("Source.", of=(_SILVER + "id_scope",))
    event_id: T.StringType = column("The repeat.", of=(_SILVER + "event_id",))
    repeated_at: T.TimestampType = column("Its time.", of=(_SILVER + "event_timestamp",))
    value: Annotated[T.DecimalType, 12, 2] = column(
        "What the repeat says.", of=(_SILVER + "value",), unit="currency", ge=0
    )
    currency: T.StringType = column(
        "Currency of the repeat.", nullable=True, of=(_SILVER + "currency",)
    )
    order_id: T.StringType = column(
        "The order in `fact_transactions`.",
        of=(_SILVER + "id_scope", _SILVER + "event_id", _SILVER + "event_hour"),
    )
    transaction_id: T.StringType = column(
        "The shop's order number.", of=(_SILVER + "transaction_id",)
    )
    visitor_id: T.StringType = column("Who.", nullable=True, of=(_SILVER + "visitor_id",), pii="id")
    user_id: T.StringType = column("Account.", nullable=True, of=(_SILVER + "user_id",), pii="id")
    ordered_at: T.TimestampType = column("First purchase.", of=(_SILVER + "event_timestamp",))
    order_hour: T.StringType = column("Its hour.", of=(_SILVER + "event_hour",))
    order_value: Annotated[T.DecimalType, 12, 2] = column(
        "What the first purchase says, and the order.", of=(_SILVER + "value",), unit="currency"
    )
    order_currency: T.StringType = column(
        "Currency of the order.", nullable=True, of=(_SILVER + "currency",)
    )


TRANSACTION_CONFLICTS = Table(
    layer="gold",
    name="transaction_conflicts",
    model=TransactionConflicts,
    grain="one row per repeat of an order that disagrees with it, in the hour of the repeat",
    keys=("event_hour", "id_scope", "event_id"),
    partition_by="event_hour",
    writer="deltalake",
    owner="team:analytics",
    inputs=("silver/events",),
    reach="orders",
    kinds=("pyspark", "arrow", "deltalake", "gold"),
)
