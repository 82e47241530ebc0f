"""Validated settings: defaults, then `clickstream.yaml`, then environment variables.

The only module that reads the environment. `CLICKSTREAM_HOME` names the data root,
`CLICKSTREAM_CONFIG` a settings file; any key can be set as `CLICKSTREAM_<KEY>`, nested keys with
a double underscore (`CLICKSTREAM_ENGINE__DRIVER_MEMORY=4g`).
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from clickstream_platform.errors import UsageError
from clickstream_platform.setting_groups import (
    AlertSettings,
    AutomationSettings,
    CheckSettings,
    FinalitySettings,
    FunnelName,
    FunnelSteps,
    MaintenanceSettings,
    PeopleSettings,
    SessionSettings,
    StreamSettings,
)

HOUR_KEY = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}$")
PROJECT_ROOT = Path(__file__).resolve().parents[1]


class EngineSettings(BaseModel):
    """The shared Spark Connect server."""

    model_config = ConfigDict(extra="forbid")

    remote: str | None = Field(
        default=None, description="A cluster's `sc://` endpoint; nothing is started then."
    )
    driver_memory: str = Field(default="3g", pattern=r"^\d+[kmg]$")
    cores: str = Field(default="*", pattern=r"^(\*|\d+)$", description="Local cores, `*` for all.")
    idle_timeout_s: int = Field(default=1800, ge=10, description="Stop after this long unused.")
    start_timeout_s: int = Field(default=180, ge=10)
    shuffle_partitions: int = Field(default=4, ge=1)
    jars_dir: Path = PROJECT_ROOT / ".jars"
    ivy_settings: Path | None = Field(
        default=None, description="An Ivy settings file, where JARs come from a mirror."
    )
    warm_up: bool = Field(default=True, description="Write and read a tiny table after the start.")
    jvm_options: list[str] = Field(
        default_factory=list,
        description="Further options of the JVM, such as -XX:TieredStopAtLevel=1 for short lives.",
    )
    extra_confs: dict[str, str] = Field(
        default_factory=dict, description="Further Spark settings; ours win over them."
    )


class Settings(BaseSettings):
    """Everything a home can set; see `docs/OPERATIONS.md` for the meaning of each key."""

    model_config = SettingsConfigDict(
        env_prefix="CLICKSTREAM_", env_nested_delimiter="__", extra="forbid"
    )

    home: Path = Field(default=PROJECT_ROOT / "data", description="The data root.")
    first_hour: str = "2019-01-01T00"
    last_hour: str | None = None
    max_future_skew_s: int = Field(default=300, ge=0, lt=3600)
    order_repeat_s: int = Field(default=30 * 86_400, ge=0, description="Gap that joins repeats.")
    high_value_threshold: float = Field(default=500.0, gt=0)
    reporting_currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    funnel_steps: FunnelSteps = Field(
        default_factory=lambda: ["view_item", "add_to_cart", "begin_checkout", "purchase"]
    )
    funnels: dict[FunnelName, FunnelSteps] = Field(
        default_factory=lambda: {
            "checkout": ["begin_checkout", "add_shipping_info", "add_payment_info", "purchase"],
            "purchase": ["view_item", "add_to_cart", "begin_checkout", "purchase"],
            "search": ["view_search_results", "view_item", "add_to_cart"],
        },
        min_length=1,
        max_length=20,
        description="The funnels of `gold/funnels_daily`: the steps of each, by its name.",
    )
    attribution_look_back_days: int = Field(
        default=30, ge=1, le=90, description="Sessions before an order that may have led to it."
    )
    source_dirs: list[Path] = Field(
        default_factory=list, description="Folders with source mappings beside the built-in ones."
    )
    postgres_url: str | None = Field(
        default=None, description="Where `publish` puts gold, as `postgresql://user@host/db`."
    )
    docs_url: str | None = Field(
        default=None, description="Where `docs/` is served, for links in the Dagster UI."
    )
    max_hours_per_run: int = Field(default=744, ge=1)
    max_bytes_per_run: int = Field(default=1_000_000_000, ge=1_000_000)
    max_bytes_per_chunk: int = Field(
        default=500_000_000, ge=1_000, description="Of lines a run builds between two commits."
    )
    engine: EngineSettings = Field(default_factory=EngineSettings)
    sessions: SessionSettings = Field(default_factory=SessionSettings)
    finality: FinalitySettings = Field(default_factory=FinalitySettings)
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    checks: CheckSettings = Field(default_factory=CheckSettings)
    automation: AutomationSettings = Field(default_factory=AutomationSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)
    maintenance: MaintenanceSettings = Field(default_factory=MaintenanceSettings)

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("first_hour", "last_hour")
    @classmethod
    def _hour_key(cls, value: str | None) -> str | None:
        if value is not None and not HOUR_KEY.match(value):
            raise ValueError(f"{value!r} is not an hour like 2026-11-20T10")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        path = config_file()
        if path is None:
            return (init_settings, env_settings)
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls, path))

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"


def config_file() -> Path | None:
    """The settings file in force: `CLICKSTREAM_CONFIG`, else `clickstream.yaml` here, else none."""
    named = os.environ.get("CLICKSTREAM_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UsageError(
                f"CLICKSTREAM_CONFIG names {path}, which is no file; create or unset it."
            )
        return path
    beside = Path.cwd() / "clickstream.yaml"
    return beside if beside.is_file() else None


def read_settings(**overrides: Any) -> Settings:
    """Settings read afresh.

    Raises: UsageError naming each wrong key, what was found and what is allowed.
    """
    try:
        return Settings(**overrides)
    except (ValidationError, yaml.YAMLError) as error:
        raise UsageError(_explain(error)) from error


def _explain(error: ValidationError | yaml.YAMLError) -> str:
    origin = config_file()
    where = f" (file {origin} or a CLICKSTREAM_ variable)" if origin else " (CLICKSTREAM_ variable)"
    if not isinstance(error, ValidationError):
        return f"The settings file {origin} is no valid YAML: {error}"
    lines = [f"Settings are not valid{where}:"]
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            allowed = ", ".join(sorted(Settings.model_fields))
            lines.append(f"  {key}: unknown key. Top-level keys are: {allowed}.")
        else:
            lines.append(f"  {key}: {problem['msg']} (found {problem.get('input')!r}).")
    return "\n".join(lines)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()


def user_environment() -> dict[str, str]:
    """A copy of this process's environment, for the child processes we start."""
    return dict(os.environ)


def use_dagster_home(current: Settings) -> Path:
    """Points Dagster at this home and returns the folder.

    The clone's `dagster.yaml` is linked into `<home>/dagster`, so that run history, sensor
    cursors and partitions persist under the home whoever starts Dagster.
    """
    folder = current.dagster_home
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "dagster.yaml"
    target = PROJECT_ROOT / "dagster.yaml"
    if link.is_symlink() and link.resolve() != target:
        link.unlink()
    if not link.exists():
        link.symlink_to(target)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ.setdefault("CLICKSTREAM_HOME", str(current.home))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return folder
