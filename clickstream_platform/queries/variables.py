"""What views take from the home's settings."""

from __future__ import annotations

from clickstream_platform.settings import Settings

REVENUE_FINAL_AFTER_S = 120
FUNNEL_FINAL_AFTER_S = 300


def variables(settings: Settings) -> dict[str, int | str]:
    """What views read by `getvariable`."""
    return {
        "revenue_final_after_s": REVENUE_FINAL_AFTER_S,
        "funnel_final_after_s": FUNNEL_FINAL_AFTER_S,
        "session_idle_s": settings.sessions.idle_s,
        "reporting_currency": settings.reporting_currency,
    }
