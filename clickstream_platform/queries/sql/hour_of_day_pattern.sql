-- name: hour_of_day_pattern
-- description: Average hour of the day: events, orders and revenue of an hour, orders by sessions.
-- tables: gold.hourly_metrics, gold.dim_time
-- param: traffic = all | human

select
    hours.hour_of_day,
    hours.day_part,
    count(*) as hours_seen,
    avg(metrics.events)::double precision as events_per_hour,
    avg(metrics.orders - metrics.orders_other_currency)::double precision as orders_per_hour,
    avg(metrics.revenue)::double precision as revenue_per_hour,
    1e0 * sum(metrics.orders - metrics.orders_other_currency)
        / nullif(sum(metrics.sessions_started), 0) as orders_per_session
from gold.hourly_metrics as metrics
join gold.dim_time as hours on hours.hour_of_day = cast(right(metrics.event_hour, 2) as integer)
where metrics.traffic = $traffic
group by hours.hour_of_day, hours.day_part
order by hours.hour_of_day
