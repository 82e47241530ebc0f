-- One row: the newest accepted event. An hour that a check blocked counts with what it had before.
select max(max_event_at) as newest_event_at
from (
    select max_event_at
    from ops.hour_state
    where "table" = 'silver/events' and blocked_by is null
    qualify row_number() over (partition by hour order by recorded_at desc, version desc) = 1
)
