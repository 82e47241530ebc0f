"""Turns the reports of a build into Dagster's events: one result per hour, also in range runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    DagsterEventType,
)

from clickstream_platform.assets.preview import newest_rows
from clickstream_platform.assets.specs import (
    FORCE_TAG,
    FRESHNESS,
    TIMELY,
    asset_metadata,
    check_names,
    column_lineage,
)
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount
from clickstream_platform.settings import settings
from clickstream_platform.tables.catalog import table as contract
from clickstream_platform.tables.contract import Table

_ROWS = {False: "dagster/partition_row_count", True: "dagster/row_count"}
NOT_BUILT = (
    "Nothing it follows from has changed, so it was left as it stands, and its checks were not "
    f"evaluated again. The tag {FORCE_TAG}: true builds it all the same."
)
_RANGE_TAG = "dagster/asset_partition_range_start"  # also on a span of one hour


def emit(
    context: dg.AssetExecutionContext, tables: Sequence[Table], reports: Sequence[HourReport]
) -> Iterator[dg.MaterializeResult]:
    """One materialisation per table; numbers and check results of each hour on that hour."""
    by_table: dict[str, list[HourReport]] = {}
    for report in reports:
        by_table.setdefault(report.table, []).append(report)
    for table in tables:
        mine = by_table.get(table.path, [])
        whole: dict[str, Any] = {
            "dagster/column_lineage": column_lineage(table),
            **_preview(table, mine),
        }
        if not table.is_snapshot:
            for report in mine:
                # Dagster would repeat what is said of the table on each hour, and shows the last.
                of_hour = _hour_metadata(report) | (whole if report is mine[-1] else {})
                context.add_asset_metadata(
                    of_hour, asset_key=dg.AssetKey(table.key), partition_key=report.hour
                )
            whole = {} if mine else whole
        elif mine:
            whole |= _hour_metadata(mine[0])
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(table.key),
            metadata=whole,
            check_results=[_overall(table, name, mine) for name in check_names(table)],
        )
        if _RANGE_TAG in context.run.tags:
            # Dagster plans a result per hour but takes only one: the others are logged.
            log_as_one_batch(context, [*hourly_checks(context.instance, mine)])


def log_as_one_batch(
    context: dg.AssetExecutionContext, checks: Sequence[dg.AssetCheckEvaluation]
) -> None:
    """As the context's `log_event` does for each, but the event log stores them together."""
    of_op = context.op_execution_context
    batch = uuid.uuid4().hex
    for check in checks:
        asset, outcome = check.asset_key.to_user_string(), "passed" if check.passed else "failed"
        event = DagsterEvent.from_step(
            DagsterEventType.ASSET_CHECK_EVALUATION,
            of_op.get_step_execution_context(),
            check,
            f"Asset check '{check.check_name}' on '{asset}' {outcome}: {check.partition}.",
            DagsterEventBatchMetadata(batch, is_end=check is checks[-1]),
        )
        of_op._events.append(event)


def _preview(table: Table, reports: Sequence[HourReport]) -> dict[str, dg.MetadataValue]:
    found = newest_rows(settings().lake, table, reports)
    return {} if found is None else {"newest_rows": dg.MetadataValue.md(found)}


def hour_materialization(report: HourReport) -> dg.AssetMaterialization:
    """What a build outside of an asset's run tells about one hour of one table."""
    key = dg.AssetKey(contract(report.table).key)
    return dg.AssetMaterialization(
        asset_key=key, partition=report.hour, metadata=_hour_metadata(report)
    )


def hourly_checks(
    instance: dg.DagsterInstance, reports: Sequence[HourReport]
) -> Iterator[dg.AssetCheckEvaluation]:
    """The check results of hours whose materialisations are stored, in the reports' order.

    Each names the materialisation that it is about: Dagster calls the others out of date.
    """
    hours: dict[str, set[str]] = {}
    for report in reports:
        hours.setdefault(report.table, set()).add(report.hour)
    targets = {table: _stored(instance, table, of_table) for table, of_table in hours.items()}
    for report in reports:
        for check in _checks(report):
            yield _hourly_check(report, check, targets[report.table].get(report.hour))


def _checks(report: HourReport) -> list[CheckOutcome]:
    """The build's own outcomes, and freshness: an hour is in time now unless it is held back."""
    found = [check for check in report.checks if check.check != FRESHNESS]
    if contract(report.table) not in TIMELY:
        return found
    held_back = RuleCount("held_back", "warn", report.row_count, 1, "a check holds the hour back")
    return [*found, CheckOutcome(FRESHNESS, (held_back,) if report.blocked_by else ())]


def _stored(instance: dg.DagsterInstance, table: str, hours: set[str]) -> dict[str, Target]:
    """The newest materialisation of each hour that has one."""
    key = dg.AssetKey(contract(table).key)
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION, hours
    )
    if not ids:
        return {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, storage_ids=[*ids.values()]), limit=len(ids)
    ).records
    return {
        str(record.partition_key): Target(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in records
    }


def _hour_metadata(report: HourReport) -> dict[str, Any]:
    return asset_metadata(
        {
            _ROWS[contract(report.table).is_snapshot]: report.row_count,
            "table_version": report.version,
            "unchanged": report.unchanged,
            "not_built": None if report.is_evaluated else NOT_BUILT,
            "blocked_by": report.blocked_by,
            **report.details,
            **report.cost,
        }
    )


def _hourly_check(
    report: HourReport, check: CheckOutcome, target: Target | None
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(contract(report.table).key),
        check_name=check.check,
        passed=check.passed,
        metadata=_check_metadata(report, check),
        severity=_severity(check),
        partition=report.hour,
        target_materialization_data=target,
    )


def _overall(table: Table, name: str, reports: Sequence[HourReport]) -> dg.AssetCheckResult:
    """The check over all hours of the run; in a run of one hour it is that hour's result."""
    found = [(r, check) for r in reports for check in _checks(r) if check.check == name]
    red = [(report, check) for report, check in found if not check.passed]
    worst = [check for _, check in red if check.blocking_failures]
    metadata: dict[str, Any] = (
        _check_metadata(*found[0])
        if len(found) == 1
        else {
            "hours_checked": len(found),
            "rows_in_all_hours": sum(report.row_count for report, _ in found),
            "red_hours": ", ".join(report.hour for report, _ in red) or "none",
        }
    )
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(table.key),
        check_name=name,
        passed=not red,
        severity=dg.AssetCheckSeverity.ERROR if worst else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _severity(check: CheckOutcome) -> dg.AssetCheckSeverity:
    if check.blocking_failures:
        return dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckSeverity.WARN


def _check_metadata(report: HourReport, check: CheckOutcome) -> dict[str, Any]:
    failed = {rule.rule: rule.failed_count for rule in check.rules if rule.failed_count}
    metadata: dict[str, Any] = {
        "hour": report.hour,  # or the day of a daily table
        "rows_checked": report.row_count,
        "rules_checked": len(check.rules),
        "failed_rules": dg.MetadataValue.json(failed),
    }
    if not report.is_evaluated:
        metadata["not_evaluated"] = NOT_BUILT
    if report.blocked_by:
        metadata["blocked_by"] = report.blocked_by
    if check.rules:
        metadata["rules"] = (
            dg.MetadataValue.table(
                [
                    dg.TableRecord(
                        {
                            "rule": rule.rule,
                            "action": rule.action,
                            "rows": rule.rows_checked,
                            "failed": rule.failed_count,
                            "meaning": rule.explanation,
                        }
                    )
                    for rule in check.rules
                    if rule.failed_count or rule.action == "block"
                ][:60]
            )
            if any(rule.failed_count or rule.action == "block" for rule in check.rules)
            else None
        )
    if check.samples:
        metadata["sample_rows"] = dg.MetadataValue.table(
            [dg.TableRecord({k: str(v) for k, v in sample.items()}) for sample in check.samples]
        )
    return {name: value for name, value in metadata.items() if value is not None}
