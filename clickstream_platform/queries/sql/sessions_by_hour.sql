-- name: sessions_by_hour
-- description: The sessions that began in each hour, and the orders and revenue of these.
-- tables: gold.dim_sessions
-- metrics: sessions, engaged_sessions, conversion_rate
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    event_hour,
    count(*) as sessions,
    count(distinct visitor_id) as visitors,
    count(*) filter (where is_engaged) as engaged_sessions,
    sum(orders)::bigint as orders,
    sum(revenue)::decimal(22, 2) as revenue,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate
from gold.dim_sessions
where event_hour between $from and $to and ($traffic = 'all' or not is_bot)
group by event_hour
order by event_hour
