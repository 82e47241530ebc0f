"""Gold: the facts and the hourly marts, in the order they are built."""

from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.marts import FUNNEL_10MIN, HOURLY_METRICS, REVENUE_5MIN

GOLD = (
    FACT_EVENTS,
    FACT_TRANSACTIONS,
    FACT_SESSIONS,
    REVENUE_5MIN,
    FUNNEL_10MIN,
    HOURLY_METRICS,
)

__all__ = [
    "FACT_EVENTS",
    "FACT_SESSIONS",
    "FACT_TRANSACTIONS",
    "FUNNEL_10MIN",
    "GOLD",
    "HOURLY_METRICS",
    "REVENUE_5MIN",
]
