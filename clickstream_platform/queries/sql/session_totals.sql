-- name: session_totals
-- description: Sessions in one row: visitors, conversion, carts; orders placed in them, revenue.
-- tables: gold.dim_sessions
-- metrics: sessions, engagement_rate, conversion_rate, abandoned_carts
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    count(distinct visitor_id) as visitors,
    count(*) as sessions,
    1e0 * count(*) filter (where is_engaged) / nullif(count(*), 0) as engagement_rate,
    1e0 * count(*) filter (where purchases > 0) / nullif(count(*), 0) as conversion_rate,
    coalesce(sum(orders), 0)::bigint as orders,
    coalesce(sum(revenue), 0)::decimal(22, 2) as revenue,
    sum(revenue)::double precision / nullif(sum(orders), 0) as average_order_value,
    count(*) filter (where add_to_carts > 0 and purchases = 0) as abandoned_carts
from gold.dim_sessions
where event_hour between $from and $to and ($traffic = 'all' or not is_bot)
