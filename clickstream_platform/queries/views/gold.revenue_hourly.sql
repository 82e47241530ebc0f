-- One row per hour and currency with an order.
select
    event_hour,
    currency,
    count(*) as orders,
    sum(units)::bigint as units,
    sum(value) as revenue,
    sum(value)::double precision / count(*) as average_order_value
from gold.fact_transactions
group by event_hour, currency
