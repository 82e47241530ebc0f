-- One row per day, visitor and account that some event of the day names together.
select
    event_hour[1:10] as event_day,
    visitor_id,
    user_id,
    count(*) as events,
    min(event_timestamp) as first_at,
    max(event_timestamp) as last_at
from silver.events
where visitor_id <> user_id
group by all
