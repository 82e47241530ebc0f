-- name: daily_activity
-- description: How often each thing was done, by day.
-- tables: gold.event_activity_hourly

select event_day, event_name, sum(events)::bigint as events
from gold.event_activity_hourly
group by event_day, event_name
order by event_day, events desc, event_name
