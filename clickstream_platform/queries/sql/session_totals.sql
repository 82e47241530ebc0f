-- name: session_totals
-- description: Sessions in one row: visitors, conversion, revenue and abandoned carts.
-- tables: gold.session_states
-- metrics: sessions, engagement_rate, conversion_rate
-- param: from = min hour
-- param: to = max hour

select
    count(distinct visitor_id) as visitors,
    count(*) as sessions,
    1e0 * count(*) filter (where is_engaged) / nullif(count(*), 0) as engagement_rate,
    1e0 * count(*) filter (where purchases > 0) / nullif(count(*), 0) as conversion_rate,
    coalesce(sum(purchases), 0)::bigint as orders,
    coalesce(sum(transaction_revenue), 0)::decimal(22, 2) as revenue,
    sum(transaction_revenue)::double precision / nullif(sum(purchases), 0) as average_order_value,
    count(*) filter (where cart_abandoned) as abandoned_carts
from gold.session_states
where event_hour between $from and $to
