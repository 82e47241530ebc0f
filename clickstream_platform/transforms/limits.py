"""The numbers and names the transforms take from the settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PeopleLimits:
    """When ids are not taken for one person; `blocked_ids` in lower case."""

    blocked_ids: tuple[str, ...]
    max_users_per_device: int
    max_ids_per_person: int


@dataclass(frozen=True)
class Limits:
    """Times in seconds, money in units of the currency."""

    first_hour: str
    max_future_skew_s: int
    high_value_threshold: float
    session_idle_s: int
    session_cap_s: int
    campaign_cut: bool
    order_repeat_s: int
    reporting_currency: str
    funnel_steps: tuple[str, ...]
    funnels: tuple[tuple[str, tuple[str, ...]], ...]  # name and steps, by name
    attribution_look_back_days: int
    people: PeopleLimits
