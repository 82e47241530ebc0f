"""Gold about who is who: what ids were seen together, and the persons made of them."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import DAY_COLUMN, RowRule, Table, column

_EVENTS = "gold/fact_events."
_LINKS = "gold/identity_links."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")
VISITOR, USER = "visitor", "user"
GUARDS = ("blocked_id", "cut", "shared_device", "too_many_ids")


class IdentityLinks(pa.DataFrameModel):
    """Which visitor was seen with which account on a day: what the persons are made of."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    visitor_id: T.StringType = column(
        "Anonymous id of the events.", of=(_EVENTS + "visitor_id",), pii="id"
    )
    user_id: T.StringType = column(
        "Account id of the same events.", of=(_EVENTS + "user_id",), pii="id"
    )
    events: T.LongType = column("Events with both.", of=(_EVENTS + "event_id",), ge=1)
    first_at: T.TimestampType = column("First of them.", of=(_EVENTS + "event_timestamp",))
    last_at: T.TimestampType = column("Last of them.", of=(_EVENTS + "event_timestamp",))


IDENTITY_LINKS = Table(
    layer="gold",
    name="identity_links",
    model=IdentityLinks,
    grain="one row per day, visitor and account that were seen in one event",
    keys=("event_day", "visitor_id", "user_id"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events",),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)


class People(pa.DataFrameModel):
    """The person behind each id that was ever seen with another; joined in views only."""

    id_kind: T.StringType = column(
        "`visitor` or `user`.",
        of=(_LINKS + "visitor_id", _LINKS + "user_id"),
        isin=[VISITOR, USER],
    )
    id: T.StringType = column(
        "The visitor's or account's id.", of=(_LINKS + "visitor_id", _LINKS + "user_id"), pii="id"
    )
    person_id: T.StringType = column(
        "Smallest account id of the person; the id itself if it stays alone.",
        of=(_LINKS + "user_id", _LINKS + "visitor_id"),
        pii="id",
    )
    person_ids: T.LongType = column(
        "Ids of the person.", of=(_LINKS + "visitor_id", _LINKS + "user_id"), ge=1
    )
    person_users: T.LongType = column("Accounts among them.", of=(_LINKS + "user_id",), ge=0)
    links: T.LongType = column(
        "Ids of the other kind it was seen with.", of=(_LINKS + "user_id",), ge=1
    )
    guards: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Why links of it do not count, in alphabetical order: `blocked_id`, `cut`, "
        "`shared_device`, `too_many_ids`.",
        of=(_LINKS + "visitor_id", _LINKS + "user_id"),
    )
    is_blocked: T.BooleanType = column(
        "The id is on the list of ids that mean nobody.", of=(_LINKS + "user_id",)
    )
    first_seen_at: T.TimestampType = column("With another id.", of=(_LINKS + "first_at",))
    last_seen_at: T.TimestampType = column("With another id.", of=(_LINKS + "last_at",))


PEOPLE = Table(
    layer="gold",
    name="people",
    model=People,
    grain="one row per visitor or account that was seen with another id",
    keys=("id_kind", "id"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/identity_links", "ops/identity_decisions"),
    reach="all",
    row_rules=(
        RowRule(
            "alone_is_itself",
            lambda: (F.col("person_ids") > 1) | (F.col("person_id") == F.col("id")),
            "who stays alone is a person of that id",
        ),
        RowRule(
            "alone_says_why",
            lambda: (F.col("person_ids") > 1) | (F.size("guards") > 0),
            "an id with links that stays alone says why",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)
