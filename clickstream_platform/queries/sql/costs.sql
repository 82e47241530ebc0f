-- name: costs
-- description: What building each table cost: CPU seconds, files and bytes, and per million events.
-- tables: ops.cost_hourly, ops.v_hour_state
-- param: from = min hour
-- param: to = max hour

-- Tables over all time have no hour: they count when no hours are chosen.
with cost as (
    select
        "table",
        count(*) as builds_of_hours,
        count(distinct run_id) as runs,
        sum(cpu_s) as cpu_s,
        sum(written_files)::bigint as written_files,
        sum(written_bytes)::bigint as written_bytes
    from ops.cost_hourly
    where
        hour between $from and $to
        or (hour = 'all' and $from = '0000-01-01T00' and $to = '9999-12-31T23')
    group by "table"
),

accepted as (
    select sum(row_count) / 1000000 as millions
    from ops.v_hour_state
    where "table" = 'silver/events' and hour between $from and $to
)

select
    cost.*,
    cost.cpu_s / nullif(accepted.millions, 0) as cpu_s_per_million_events,
    cost.written_files / nullif(accepted.millions, 0) as files_per_million_events,
    cost.written_bytes / nullif(accepted.millions, 0) as bytes_per_million_events
from cost
cross join accepted
order by cost.cpu_s desc, cost."table"
