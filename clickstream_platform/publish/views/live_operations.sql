-- needs: gold.hourly_metrics
-- The newest 48 hours with events, each beside the hour before it.
select
    event_hour,
    hour_start,
    events,
    visitors,
    sessions_started,
    orders - orders_other_currency as orders,
    revenue,
    events - lag(events) over (order by event_hour) as events_change,
    (select max(published_at) from clickstream.published) as published_at
from gold.hourly_metrics
where traffic = 'all'
order by event_hour desc
limit 48
