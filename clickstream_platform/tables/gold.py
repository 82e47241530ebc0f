"""Gold: facts and hourly marts, daily marts, marts over all time; in the order they are built."""

from clickstream_platform.tables.activity import (
    CUSTOMER_ACTIVITY_HOURLY,
    EVENT_ACTIVITY_HOURLY,
    PRODUCT_ACTIVITY_HOURLY,
    SESSION_PRODUCTS,
    TRAFFIC_DAILY,
)
from clickstream_platform.tables.anomalies import ANOMALIES, PRICE_OUTLIERS
from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT
from clickstream_platform.tables.conflicts import TRANSACTION_CONFLICTS
from clickstream_platform.tables.customers import DIM_USER_METRICS, RETENTION_COHORT, RFM_SCORES
from clickstream_platform.tables.daily import (
    CART_ABANDONMENT,
    FACT_DAILY_METRICS,
    JOURNEY_PATHS,
    PRODUCT_METRICS_DAILY,
)
from clickstream_platform.tables.experiments import EXPERIMENT_EXPOSURES, EXPERIMENT_RESULTS
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.funnels import FUNNELS_DAILY
from clickstream_platform.tables.marts import (
    FUNNEL_10MIN,
    FUNNEL_HOURLY,
    HOURLY_METRICS,
    REVENUE_5MIN,
)
from clickstream_platform.tables.people import IDENTITY_LINKS, PEOPLE
from clickstream_platform.tables.products import DIM_PRODUCT_METRICS, PRODUCT_AFFINITY
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY

GOLD = (
    FACT_EVENTS,
    FACT_TRANSACTIONS,
    TRANSACTION_CONFLICTS,
    FACT_SESSIONS,
    REVENUE_5MIN,
    FUNNEL_10MIN,
    HOURLY_METRICS,
    BOT_VISITORS_HOURLY,
    FUNNEL_HOURLY,
)
DAILY = (
    FACT_DAILY_METRICS,
    PRODUCT_METRICS_DAILY,
    JOURNEY_PATHS,
    CART_ABANDONMENT,
    ATTRIBUTION_CREDIT,
    EXPERIMENT_EXPOSURES,
    ANOMALIES,
    PRICE_OUTLIERS,
    EVENT_ACTIVITY_HOURLY,
    PRODUCT_ACTIVITY_HOURLY,
    CUSTOMER_ACTIVITY_HOURLY,
    SESSION_PRODUCTS,
    TRAFFIC_DAILY,
    FUNNELS_DAILY,
    IDENTITY_LINKS,
)
SNAPSHOTS = (
    DIM_USER_METRICS,
    RFM_SCORES,
    RETENTION_COHORT,
    DIM_PRODUCT_METRICS,
    PRODUCT_AFFINITY,
    EXPERIMENT_RESULTS,
    PEOPLE,
)

__all__ = [
    "DAILY",
    "FACT_EVENTS",
    "FACT_SESSIONS",
    "FACT_TRANSACTIONS",
    "FUNNEL_10MIN",
    "FUNNEL_HOURLY",
    "GOLD",
    "HOURLY_METRICS",
    "REVENUE_5MIN",
    "SNAPSHOTS",
]
