"""Runs of this process in the persistent Dagster instance."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import click
import dagster as dg

from clickstream_platform import run_tags
from clickstream_platform.assets.hourly import ONLY_STALE_TAG
from clickstream_platform.assets.specs import FORCE_TAG
from clickstream_platform.definitions import defs
from clickstream_platform.engine.failures import EngineLostError
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.running.plan import Span
from clickstream_platform.settings import Settings, use_dagster_home
from clickstream_platform.tables.contract import Table

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailedError(ClickstreamError):
    """A Dagster run that failed; names the run, the step and its error."""


@dataclass(frozen=True)
class Runs:
    """Executes jobs over spans of hours, one in-process run per span."""

    instance: dg.DagsterInstance

    @classmethod
    def open(cls, settings: Settings) -> Runs:
        use_dagster_home(settings)
        logging.getLogger("dagster").setLevel(logging.WARNING)
        return cls(dg.DagsterInstance.get())

    def execute(
        self,
        job: str,
        span: Span | None,
        *,
        tables: Sequence[Table] | None = None,
        only_stale: bool,
        force: bool = False,
    ) -> str:
        """The id of a run that succeeded. A lost engine is replaced and the span tried once more.

        A job of tables without partitions has no span.
        Raises: RunFailedError.
        """
        try:
            return self._execute(job, span, tables=tables, only_stale=only_stale, force=force)
        except RunFailedError as error:
            if not isinstance(error.__cause__, EngineLostError):
                raise
            logging.getLogger("clickstream.run").warning("%s; trying again", error)
            click.echo(f"{error}\nTrying again with a new engine.", err=True)
            return self._execute(job, span, tables=tables, only_stale=only_stale, force=force)

    def _execute(
        self,
        job: str,
        span: Span | None,
        *,
        tables: Sequence[Table] | None,
        only_stale: bool,
        force: bool = False,
    ) -> str:
        tags = {run_tags.BY: "cli"}
        if span:
            tags |= {run_tags.RANGE_START: span.first, run_tags.RANGE_END: span.last}
        if only_stale:
            tags[ONLY_STALE_TAG] = "true"
        if force:
            tags[FORCE_TAG] = "true"
        result = defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=tags,
            asset_selection=[dg.AssetKey(table.key) for table in tables] if tables else None,
            raise_on_error=False,
            run_config=_QUIET,
        )
        if not result.success:
            raise _failure(job, span, result)
        return result.run_id


def _failure(job: str, span: Span | None, result: dg.ExecuteInProcessResult) -> RunFailedError:
    cause: BaseException | None = None
    step, text = "start", "no step failed"
    for event in result.all_events:
        if event.is_step_failure:
            step = str(event.step_key)
            failure = event.step_failure_data
            text = (failure.error.cause or failure.error).message.strip() if failure.error else text
            lost = failure.error and "EngineLostError" in failure.error.to_string()
            cause = EngineLostError(text) if lost else None
            break
    over = f", {span.first} to {span.last}" if span else ""
    error = RunFailedError(f"Run {result.run_id} ({job}{over}) failed in step {step}: {text}")
    error.__cause__ = cause
    return error
