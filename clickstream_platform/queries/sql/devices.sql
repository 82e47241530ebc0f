-- name: devices
-- description: Devices by sessions, engagement, conversion and revenue; robots left out.
-- tables: gold.dim_sessions

select
    coalesce(device_category, '(unknown)') as device_category,
    count(*) as sessions,
    count(*) filter (where is_engaged) / count(*) as engagement_rate,
    count(*) filter (where purchases > 0) / count(*) as conversion_rate,
    sum(transaction_revenue) as revenue
from gold.dim_sessions
where not is_bot
group by all
order by sessions desc, device_category
