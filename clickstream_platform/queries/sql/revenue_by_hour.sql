-- name: revenue_by_hour
-- description: Orders, units, revenue and average order value by hour and currency.
-- tables: gold.fact_transactions, gold.bot_visitors_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    event_hour,
    currency,
    count(*) as orders,
    sum(units)::bigint as units,
    sum(value)::decimal(22, 2) as revenue,
    sum(value)::double precision / count(*) as average_order_value
from gold.fact_transactions as orders
where orders.event_hour between $from and $to
    and ($traffic = 'all' or not exists (
        select 1
        from gold.bot_visitors_hourly as robots
        where robots.is_bot
            and robots.event_hour = orders.event_hour
            and robots.visitor_id = orders.visitor_id
    ))
group by event_hour, currency
order by event_hour, currency nulls last
