-- name: live
-- description: The newest hour with events beside the hour before it.
-- tables: gold.hourly_metrics
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    event_hour,
    events,
    visitors,
    sessions_started,
    orders - orders_other_currency as orders,
    revenue,
    events - lag(events) over by_hour as events_change,
    visitors - lag(visitors) over by_hour as visitors_change,
    sessions_started - lag(sessions_started) over by_hour as sessions_started_change,
    orders - orders_other_currency
        - lag(orders - orders_other_currency) over by_hour as orders_change,
    revenue - lag(revenue) over by_hour as revenue_change
from gold.hourly_metrics
where traffic = $traffic and event_hour between $from and $to
window by_hour as (order by event_hour)
order by event_hour desc
limit 1
