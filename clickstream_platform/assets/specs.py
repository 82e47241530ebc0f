"""Asset specs and check specs, derived from the contracts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from clickstream_platform.partitions import DAILY, HOURLY
from clickstream_platform.settings import settings
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.rules import rules_of
from clickstream_platform.tables.silver import SILVER_EVENTS

FORCE_TAG = "clickstream/force"  # on a run: builds also what is up to date
FRESHNESS = "freshness"
# The facts stand for all of gold, which one step builds: a result a table would double the events.
TIMELY = (SILVER_EVENTS, FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS)
_IF_STALE = (
    "\n\nA partition that is up to date is not built again: its materialisation says `unchanged`, "
    f"and nothing is written. Add the tag `{FORCE_TAG}` with the value `true` in the dialog or the "
    "launchpad to build it all the same."
)
_CHECKS = {
    "contract": "Schema, row rules, keys and limits of the table, per hour. "
    "An hour that breaks a blocking rule is kept out of the table before the write.",
    "conservation": "Bronze lines = accepted + duplicates + quarantined, each in exactly one; "
    "else the hour is kept out of silver/events before the write.",
    "freshness": "The hour is there in time. Red once it ended `alerts.stale_after_s` ago and "
    "nothing of it came, once its input waits `alerts.late_after_s` to be built, and while a "
    "check holds it back; only a build of this very hour makes it green.",
}


def check_names(table: Table) -> tuple[str, ...]:
    """The asset checks of a table: few, with the rules inside."""
    conservation = ("conservation",) if table is SILVER_EVENTS else ()
    freshness = (FRESHNESS,) if table in TIMELY else ()
    return ("contract", *conservation, *freshness)


def spec_of(table: Table, *, deps: Sequence[Table] = ()) -> dg.AssetSpec:
    """The asset of a contract: described, owned, grouped, with column schema and lineage."""
    return dg.AssetSpec(
        key=dg.AssetKey(table.key),
        deps=[_dep(dep, of=table) for dep in deps],
        description=_description(table),
        group_name=_group(table),
        owners=[table.owner],
        kinds={table.kinds[0], *table.kinds[-2:]},  # Dagster takes three: engine, format, layer
        partitions_def=partitions_of(table),
        tags={"layer": table.layer, "writer": table.writer},
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/column_lineage": column_lineage(table),
            "dagster/table_name": table.sql_name,
            "grain": table.grain,
            "keys": ", ".join(table.keys),
            "retention": table.retention,
            "dictionary": dg.MetadataValue.md(
                f"{_link('DATA_DICTIONARY.md#' + table.layer + table.name)}: columns, rules, "
                f"lineage. {_link('DEFINITIONS.md')}: what the words mean."
            ),
        },
    )


def partitions_of(table: Table) -> dg.PartitionsDefinition[str] | None:
    """By hour, by day, or none."""
    if table.is_daily:
        return DAILY
    return HOURLY if table.hourly else None


def _dep(dep: Table, *, of: Table) -> dg.AssetDep:
    """An edge; a day needs the hours there are of it: the first and the running day lack some."""
    if not (of.is_daily and dep.hourly):
        return dg.AssetDep(dg.AssetKey(dep.key))
    with warnings.catch_warnings():
        # Dagster calls the parameter beta, once per edge. We know: the version is pinned.
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        mapping = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    return dg.AssetDep(dg.AssetKey(dep.key), partition_mapping=mapping)


def check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    """One spec per check of the table, judged for every hour on its own."""
    with warnings.catch_warnings():
        # Dagster calls partitioned checks a preview, once per check and process. We know: the
        # version is pinned, and an hourly table needs a verdict per hour.
        warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def")
        return [
            dg.AssetCheckSpec(
                name=name,
                asset=dg.AssetKey(table.key),
                description=_CHECKS[name],
                partitions_def=partitions_of(table),
            )
            for name in check_names(table)
        ]


def column_schema(table: Table) -> dg.TableSchema:
    """Columns with type, meaning and the rules on them."""
    rules: dict[str, list[str]] = {}
    for rule in rules_of(table):
        for column in rule.columns:
            if rule.name == f"missing_{column}":
                continue  # said by `nullable`
            rules.setdefault(column, []).append(rule.name)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=spec.name,
                type=spec.type.simpleString(),
                description=spec.description,
                constraints=dg.TableColumnConstraints(
                    nullable=spec.nullable,
                    unique=table.keys == (spec.name,),
                    other=rules.get(spec.name, []),
                ),
                tags={"pii": spec.pii} if spec.pii else {},
            )
            for spec in table.columns
        ]
    )


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """For each column the columns it is made of, as the contract declares them."""
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for spec in table.columns:
        for origin in spec.of:
            path, column = origin.rsplit(".", 1)
            key = dg.AssetKey(BY_PATH[path].key)
            deps.setdefault(spec.name, []).append(
                dg.TableColumnDep(asset_key=key, column_name=column)
            )
    return dg.TableColumnLineage(deps_by_column=deps)


def _link(page: str) -> str:
    """A page of `docs/`; it can be clicked where `docs_url` says who serves it."""
    base = settings().docs_url
    return f"`docs/{page}`" if base is None else f"[docs/{page}]({base.rstrip('/')}/{page})"


def _group(table: Table) -> str:
    """Tables of one partitioning stand together, so that a group can be launched as a whole."""
    if table.layer == "silver" and not table.hourly:
        return "catalogue"
    if table.layer != "gold" or table.hourly:
        return table.layer
    return "gold_all_time" if table.is_snapshot else "gold_daily"


def _description(table: Table) -> str:
    text = (table.model.__doc__ or "").strip()
    edges = (
        "\n\nThe edge from bronze by equal hour is an approximation: a silver hour reads the lines "
        "of its home hour from every ingest hour; `ops/hour_state` holds the truth."
        if table.layer == "silver"
        else ""
    )
    built = _IF_STALE if table.layer in ("silver", "gold") else ""
    return f"{text}\n\nGrain: {table.grain}.{edges}{built}"


def asset_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as Dagster shows them best."""
    return {
        name: dg.MetadataValue.json(value) if isinstance(value, dict | list) else value
        for name, value in values.items()
        if value is not None
    }
