-- name: devices
-- description: Devices by sessions, engagement, conversion and revenue; robots left out.
-- tables: gold.dim_sessions
-- metrics: sessions, engagement_rate, conversion_rate
-- param: from = min hour
-- param: to = max hour

select
    coalesce(device_category, '(unknown)') as device_category,
    count(*) as sessions,
    1e0 * count(*) filter (where is_engaged) / count(*) as engagement_rate,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate,
    sum(revenue) as revenue
from gold.dim_sessions
where not is_bot and event_hour between $from and $to
group by coalesce(device_category, '(unknown)')
order by sessions desc, device_category
