"""Groups of settings below one key each; `settings` puts them together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Share = Annotated[float, Field(ge=0, le=1)]


class SessionSettings(BaseModel):
    """Where a visitor's events are cut into sessions (SEMANTICS 6)."""

    model_config = ConfigDict(extra="forbid")

    idle_s: int = Field(default=1800, ge=1)
    cap_s: int = Field(default=86_400, ge=60)


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
    max_quarantine_rate: Share = Field(
        default=0.2, description="Share of rejected lines of an hour above which to tell."
    )
    lookback_hours: int = Field(
        default=24, ge=1, description="Hours back from the newest event that rules look at."
    )
    remind_after_s: int = Field(
        default=86_400, ge=60, description="A standing alert is told again after this long."
    )


class StreamSettings(BaseModel):
    """The continuous stream: one long-running query per source."""

    model_config = ConfigDict(extra="forbid")

    trigger_s: float = Field(default=2.0, ge=0, description="Shortest time between two batches.")
    max_offsets_per_trigger: int = Field(default=50_000, ge=1)
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
