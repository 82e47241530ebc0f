-- name: weekend
-- description: Weekdays against weekends: sessions and revenue a day, conversion; robots left out.
-- tables: gold.fact_daily_metrics, gold.dim_date
-- metrics: conversion_rate, average_order_value

select
    dates.is_weekend,
    count(*) as days,
    1e0 * sum(days.sessions) / count(*) as sessions_per_day,
    1e0 * sum(days.revenue) / count(*) as revenue_per_day,
    1e0 * sum(days.converted_sessions) / nullif(sum(days.sessions), 0) as conversion_rate,
    1e0 * sum(days.revenue) / nullif(sum(days.orders), 0) as average_order_value
from gold.fact_daily_metrics as days
join gold.dim_date as dates on dates.event_day = days.event_day
where days.traffic = 'human'
group by dates.is_weekend
order by dates.is_weekend
