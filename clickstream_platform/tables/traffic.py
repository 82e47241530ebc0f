"""Kinds of traffic, and what rows have that are older than a column.

For those who ask: it imports nothing, as contracts (and Spark's types with them) cost a second.
"""

from collections.abc import Mapping

ALL_TRAFFIC = "all"
TRAFFIC = (ALL_TRAFFIC, "human")
_HOURLY = ("revenue_5min", "funnel_hourly", "hourly_metrics")
_ACTIVITY = ("event_activity_hourly", "product_activity_hourly", "customer_activity_hourly")
_DAILY = (
    *("fact_daily_metrics", "traffic_daily", "funnels_daily"),
    *("product_metrics_daily", "journey_paths"),
)
_ALL_TIME = (
    *("dim_user_metrics", "rfm_scores", "retention_cohort"),
    *("dim_product_metrics", "product_affinity", "experiment_results"),
)
_ROBOTS_MARKED = (
    *("session_products", "cart_abandonment"),
    *("attribution_credit", "experiment_exposures"),
)
# Table -> column -> value, as the contracts say it (`before`).
LATE_COLUMNS: Mapping[str, Mapping[str, str | bool]] = {
    **{f"gold.{name}": {"traffic": ALL_TRAFFIC} for name in (*_HOURLY, *_ACTIVITY)},
    **{f"gold.{name}": {"traffic": ALL_TRAFFIC} for name in (*_DAILY, *_ALL_TIME)},
    **{f"gold.{name}": {"is_bot": False} for name in _ROBOTS_MARKED},
    "gold.funnel_10min": {"traffic": ALL_TRAFFIC, "unit": "session", "mode": "any"},
}
# Table -> columns that questions read and that it lacks until it is rebuilt: null until then.
NEW_COLUMNS: Mapping[str, tuple[str, ...]] = {"gold.dim_product_metrics": ("price",)}
