"""What views and questions take from the home's settings."""

from __future__ import annotations

from collections.abc import Mapping

from clickstream_platform.errors import UsageError
from clickstream_platform.queries.named import NamedQuery
from clickstream_platform.settings import Settings


def variables(settings: Settings) -> dict[str, int | str]:
    """What views read by `getvariable`."""
    return {
        "revenue_final_after_s": settings.finality.revenue_5min_s,
        "funnel_final_after_s": settings.finality.funnel_10min_s,
        "session_idle_s": settings.sessions.idle_s,
        "reporting_currency": settings.reporting_currency,
    }


def values_in(
    settings: Settings, question: NamedQuery, given: Mapping[str, str]
) -> dict[str, object]:
    """The question's values, where a name must be one that the settings hold.

    Raises: UsageError with the names there are.
    """
    values = question.values(given)
    if "funnel" in values and values["funnel"] not in settings.funnels:
        raise UsageError(
            f"funnel must be {' or '.join(settings.funnels)}, as the settings name them; "
            f"found {values['funnel']!r}."
        )
    return values
