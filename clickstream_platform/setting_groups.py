"""Groups of settings below one key each; `settings` puts them together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)


def _distinct(steps: list[str]) -> list[str]:
    if len(set(steps)) < len(steps):
        raise ValueError("a step stands twice; an event can be one step only")
    return steps


Share = Annotated[float, Field(ge=0, le=1)]
FunnelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
FunnelSteps = Annotated[list[str], Field(min_length=2, max_length=10), AfterValidator(_distinct)]
SAFE_VACUUM_HOURS = 168  # Delta's own default: a reader or a stream is hardly a week behind


class SessionSettings(BaseModel):
    """Where a visitor's events are cut into sessions (SEMANTICS 6)."""

    model_config = ConfigDict(extra="forbid")

    idle_s: int = Field(default=1800, ge=1)
    cap_s: int = Field(default=86_400, ge=60)
    campaign_cut: bool = Field(
        default=False, description="Whether an arrival by another campaign opens a session."
    )


class FinalitySettings(BaseModel):
    """When a window counts as final: an event came so long after its end. No row is dropped."""

    model_config = ConfigDict(extra="forbid")

    revenue_5min_s: int = Field(
        default=120, ge=0, description="Of `gold.v_revenue_5min`, by the newest accepted event."
    )
    funnel_10min_s: int = Field(default=300, ge=0, description="Of `gold.v_funnel_10min`.")


class PeopleSettings(BaseModel):
    """When ids that were seen together are one person (DEFINITIONS, People)."""

    model_config = ConfigDict(extra="forbid")

    blocked_ids: list[str] = Field(
        default_factory=lambda: [
            *("", "-", "-1", "0", "00000000-0000-0000-0000-000000000000", "anonymous", "default"),
            *("false", "guest", "n/a", "na", "nan", "nil", "none", "not set", "null", "nobody"),
            *("test", "true", "undefined", "unknown", "(not set)", "[object object]"),
        ],
        description="Ids that mean nobody; blanks around and case do not count.",
    )
    max_users_per_device: int = Field(
        default=1, ge=1, description="A visitor with more accounts than this joins none of them."
    )
    max_ids_per_person: int = Field(
        default=20, ge=2, description="A person of more ids than this is not believed."
    )


class CheckSettings(BaseModel):
    """Thresholds of the asset checks."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=True, description="Off only to measure what checks cost.")
    max_reject_rate: Share = Field(default=0.5, description="Above it the hour is not written.")
    min_rows_for_reject_rate: int = Field(
        default=20, ge=0, description="Fewer lines than this are judged one by one, never blocked."
    )
    volume_low_ratio: float = Field(default=0.2, ge=0)
    volume_high_ratio: float = Field(default=5.0, gt=1)
    max_unknown_event_rate: Share = 0.05
    max_null_rates: dict[str, Share] = Field(
        default_factory=lambda: {"visitor_id": 0.05, "client_session_id": 0.5},
        description="Column of silver/events -> share of nulls above which a WARN is raised.",
    )
    sample_rows: int = Field(default=5, ge=0, le=50)


class AutomationSettings(BaseModel):
    """The sensors that make the platform run by itself."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=True, description="Whether the sensors start switched on.")
    interval_s: int = Field(default=10, ge=1, description="Shortest time between two looks.")
    landing_interval_s: int = Field(
        default=4, ge=1, description="The same at landing; Dagster looks every 5 s at most."
    )
    hours_to_gold_at_once: int = Field(
        default=6, ge=0, description="So many ingest hours, or fewer, go to gold in one run."
    )
    snapshots_interval_s: int = Field(
        default=300, ge=1, description="Shortest time between two looks at marts over all time."
    )
    settle_s: float = Field(
        default=5.0, ge=0, description="A landing file unchanged for so long is finished."
    )
    audit_files: int = Field(
        default=1000, ge=1, description="Files looked at again in each tick, in turn."
    )
    max_runs: int = Field(default=8, ge=1, description="Runs of a sensor that may be unfinished.")
    max_attempts: int = Field(default=5, ge=1, description="Failed runs before it gives up.")


class AlertSettings(BaseModel):
    """When people are told, and where."""

    model_config = ConfigDict(extra="forbid")

    urls: list[str] = Field(
        default_factory=list, description="Apprise addresses; none is standard error."
    )
    stale_after_s: int = Field(
        default=7200, ge=60, description="A table whose newest event is older is stale."
    )
    late_after_s: int = Field(
        default=900, ge=10, description="An hour whose input waits for so long to be built is late."
    )
    max_quarantine_rate: Share = Field(
        default=0.2, description="Share of rejected lines of an hour above which to tell."
    )
    lookback_hours: int = Field(
        default=24, ge=1, description="Hours back from the newest event that rules look at."
    )
    remind_after_s: int = Field(
        default=86_400, ge=60, description="A standing alert is told again after this long."
    )
    interval_s: int = Field(
        default=60, ge=1, description="How often `alerts_sensor` checks the rules, in seconds."
    )
    daemon_silent_after_s: int = Field(
        default=120,
        ge=35,
        description="A daemon that did not beat for so long is dead; it beats every 30 s.",
    )


class StreamSettings(BaseModel):
    """The continuous stream: one long-running query per source."""

    model_config = ConfigDict(extra="forbid")

    trigger_s: float = Field(default=2.0, ge=0, description="Shortest time between two batches.")
    max_offsets_per_trigger: int = Field(default=50_000, ge=1)
    max_files_per_trigger: int = Field(
        default=500, ge=1, description="Most landing files that one batch of a file stream takes."
    )
    silver_refresh_s: float = Field(default=2.0, ge=0, description="As `gold_refresh_s`.")
    gold_refresh_s: float = Field(default=10.0, ge=0, description="Between two refreshes of gold.")
    report_s: float = Field(default=30.0, ge=1, description="Between two reports to Dagster.")
    stale_after_s: int = Field(
        default=60, ge=10, description="A heartbeat older than this is dead."
    )
    stall_after_s: int = Field(default=900, ge=60, description="Lag without a commit this long.")
    max_restarts: int = Field(default=5, ge=1, description="Failures in a row until giving up.")
    keep: list[str] = Field(
        default_factory=list, description="Sources whose stream the keeper also starts by itself."
    )
    checkpoint_dir: Path | None = Field(
        default=None, description="Where checkpoints go instead of `<home>/state/stream`."
    )
    connection_strings: dict[str, SecretStr] = Field(
        default_factory=dict, description="Source -> connection string of its Event Hubs."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities that brokers' certificates need."
    )


class MaintenanceSettings(BaseModel):
    """Upkeep of tables and of what runs leave behind."""

    model_config = ConfigDict(extra="forbid")

    max_small_files: int = Field(
        default=4, ge=1, description="A closed hour with more small files is compacted."
    )
    small_file_bytes: int = Field(
        default=32_000_000, ge=1, description="A data file smaller than this is small."
    )
    target_file_bytes: int = Field(
        default=128_000_000, ge=1_000_000, description="Size that compaction aims at."
    )
    open_hours: int = Field(
        default=2, ge=0, description="Hours before the running one that stay as they are."
    )
    vacuum_hours: int = Field(
        default=SAFE_VACUUM_HOURS,
        ge=0,
        description="How long files that no newer version needs stay, for readers and time travel.",
    )
    allow_short_vacuum: bool = Field(
        default=False, description=f"Needed for `vacuum_hours` below {SAFE_VACUUM_HOURS}."
    )
    checkpoint_commits: int = Field(
        default=20, ge=1, description="Commits since the last Delta checkpoint that call for one."
    )
    keep_logs_days: int = Field(default=30, ge=1, description="For rotated log files.")
    keep_runs_days: int = Field(
        default=30, ge=1, description="For finished Dagster runs and what they printed."
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.vacuum_hours < SAFE_VACUUM_HOURS and not self.allow_short_vacuum:
            raise ValueError(
                f"vacuum_hours {self.vacuum_hours} is below {SAFE_VACUUM_HOURS}: time travel and "
                "slow readers would lose their files; set allow_short_vacuum too if you mean it"
            )
        return self
