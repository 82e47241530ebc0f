-- name: daily_activity
-- description: How often each thing was done, by day.
-- tables: gold.event_activity_hourly
-- param: traffic = all | human

select event_day, event_name, sum(events)::bigint as events
from gold.event_activity_hourly
where traffic = $traffic
group by event_day, event_name
order by event_day, events desc, event_name
