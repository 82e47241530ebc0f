-- name: hour_of_day_pattern
-- description: Average hour of the day: events, orders, revenue and conversion.
-- tables: gold.hourly_metrics, gold.dim_time
-- param: traffic = all | human

select
    hours.hour_of_day,
    hours.day_part,
    count(*) as hours_seen,
    avg(metrics.events) as events_per_hour,
    sum(metrics.orders)::bigint as orders,
    sum(metrics.revenue) as revenue,
    1e0 * sum(metrics.orders) / nullif(sum(metrics.sessions_started), 0) as orders_per_session
from gold.hourly_metrics as metrics
join gold.dim_time as hours on hours.hour_of_day = cast(right(metrics.event_hour, 2) as integer)
where metrics.traffic = $traffic
group by hours.hour_of_day, hours.day_part
order by hours.hour_of_day
