-- One row per hourly table: all that bronze holds of earlier hours is in it, exclusive.
with known as (
    select
        "table",
        max(hour) as newest_hour
    from ops.v_hour_state
    where length(hour) = 13
    group by "table"
),

stale as (
    select
        "table",
        min(hour) as first_stale_hour,
        count(*) as stale_hours
    from ops.v_stale_hours
    group by "table"
),

own as (
    select
        known."table",
        known.newest_hour,
        stale.first_stale_hour,
        coalesce(stale.stale_hours, 0)::bigint as stale_hours,
        coalesce(
            strptime(stale.first_stale_hour, '%Y-%m-%dT%H'),
            strptime(known.newest_hour, '%Y-%m-%dT%H') + interval 1 hour
        )::timestamptz as complete_through
    from known
    left join stale on stale."table" = known."table"
)

select
    own."table",
    case
        when own."table" like 'gold/%' then least(own.complete_through, events.complete_through)
        else own.complete_through
    end as complete_through,
    own.newest_hour,
    own.first_stale_hour,
    own.stale_hours
from own
left join own as events on events."table" = 'silver/events'
