-- name: hour_freshness
-- description: Per table: how far its hours' data goes, and what is held back or marked.
-- tables: ops.hour_state, ops.v_hour_state, ops.progress
-- param: from = min hour
-- param: to = max hour

-- Judged by the data of the hours, not by the last commit: a backfill of an old hour commits now
-- and leaves `data_through` as it was. A held-back hour counts with what it had before. Tables
-- without event times reach to the end of their newest hour or day, or to the newest accepted event;
-- those over all time have neither and are not judged.
with served as (
    select
        "table",
        coalesce(
            max(max_event_at),
            max(try_strptime(hour, '%Y-%m-%dT%H')::timestamptz + interval 1 hour),
            max(try_strptime(hour, '%Y-%m-%d')::timestamptz + interval 1 day)
        ) as data_through
    from (
        select "table", hour, max_event_at
        from ops.hour_state
        where blocked_by is null
            and hour between left($from, length(hour)) and left($to, length(hour))
        qualify row_number() over (
            partition by "table", hour order by recorded_at desc, version desc
        ) = 1
    )
    group by "table"
)

select
    state."table",
    count(*) as hours,
    min(state.hour) as first_hour,
    max(state.hour) as last_hour,
    least(max(served.data_through), max(progress.newest_event_at)) as data_through,
    max(state.recorded_at) as last_built_at,
    count(*) filter (where state.blocked_by is not null) as blocked_hours,
    count(*) filter (where state.is_stale) as marked_hours,
    sum(state.row_count)::bigint as rows
from ops.v_hour_state as state
cross join ops.progress as progress
left join served on state."table" = served."table"
where state.hour between left($from, length(state.hour)) and left($to, length(state.hour))
    and coalesce(
        try_strptime(state.hour, '%Y-%m-%dT%H'), try_strptime(state.hour, '%Y-%m-%d')
    ) is not null
group by state."table"
order by state."table"
