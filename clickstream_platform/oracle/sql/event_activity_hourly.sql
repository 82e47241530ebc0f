-- One row per hour, event name and outcome.
select
    event_hour[1:10] as event_day,
    event_hour,
    event_name,
    outcome,
    count(*) as events,
    count(distinct visitor_id) as visitors
from silver.events
group by all
