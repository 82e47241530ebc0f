-- name: revenue_by_hour
-- description: Orders, units, revenue and average order value by hour and currency.
-- tables: gold.fact_transactions
-- param: from = min hour
-- param: to = max hour

select
    event_hour,
    currency,
    count(*) as orders,
    sum(units)::bigint as units,
    sum(value)::decimal(22, 2) as revenue,
    sum(value)::double precision / count(*) as average_order_value
from gold.fact_transactions
where event_hour between $from and $to
group by event_hour, currency
order by event_hour, currency nulls last
