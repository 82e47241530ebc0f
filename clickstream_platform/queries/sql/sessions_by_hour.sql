-- name: sessions_by_hour
-- description: The sessions that began in each hour, their orders and revenue.
-- tables: gold.fact_sessions
-- metrics: sessions, engaged_sessions, conversion_rate
-- param: from = min hour
-- param: to = max hour

select
    event_hour,
    count(*) as sessions,
    count(distinct visitor_id) as visitors,
    count(*) filter (where is_engaged) as engaged_sessions,
    sum(purchases)::bigint as orders,
    sum(transaction_revenue)::decimal(22, 2) as revenue,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate
from gold.fact_sessions
where event_hour between $from and $to
group by event_hour
order by event_hour
