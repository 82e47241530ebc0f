-- name: weekday_pattern
-- description: Average day of each weekday: sessions, conversion, revenue; robots left out.
-- tables: gold.fact_daily_metrics, gold.dim_date
-- metrics: conversion_rate

select
    dates.iso_weekday,
    dates.weekday_name,
    dates.is_weekend,
    count(*) as days,
    avg(days.sessions) as sessions_per_day,
    1e0 * sum(days.converted_sessions) / nullif(sum(days.sessions), 0) as conversion_rate,
    avg(days.revenue) as revenue_per_day
from gold.fact_daily_metrics as days
join gold.dim_date as dates on dates.event_day = days.event_day
where days.traffic = 'human'
group by dates.iso_weekday, dates.weekday_name, dates.is_weekend
order by dates.iso_weekday
