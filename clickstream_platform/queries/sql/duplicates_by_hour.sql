-- name: duplicates_by_hour
-- description: Repeated lines by hour, and their share of all lines of the hour.
-- tables: silver.duplicates, ops.conservation_ledger
-- param: from = min hour
-- param: to = max hour

with repeated as (
    select
        event_hour,
        count(*) as duplicates,
        count(distinct (id_scope, event_id)) as events_repeated
    from silver.duplicates
    where event_hour between $from and $to
    group by event_hour
),

arrived as (
    select home_hour, sum(lines)::bigint as lines
    from ops.conservation_ledger
    where home_hour between $from and $to
    group by home_hour
)

select
    repeated.event_hour,
    repeated.duplicates,
    repeated.events_repeated,
    arrived.lines,
    repeated.duplicates / nullif(arrived.lines, 0) as duplicate_rate
from repeated
left join arrived on repeated.event_hour = arrived.home_hour
order by repeated.event_hour
