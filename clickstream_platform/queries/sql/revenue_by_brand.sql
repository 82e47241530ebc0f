-- name: revenue_by_brand
-- description: Revenue by brand and price band as the catalogue had them at the time of the order.
-- tables: gold.v_order_items, gold.fact_transactions, gold.bot_visitors_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: limit = 20

select
    item_brand,
    price_band,
    currency,
    count(distinct order_id) as orders,
    sum(units)::bigint as units,
    sum(revenue) as revenue
from gold.v_order_items as lines
where event_hour between $from and $to
    and ($traffic = 'all' or not exists (
        select 1
        from gold.fact_transactions as orders
        join gold.bot_visitors_hourly as robots
            on robots.visitor_id = orders.visitor_id
            and left(robots.event_hour, 10) = left(orders.event_hour, 10)
        where robots.is_bot and orders.order_id = lines.order_id
    ))
group by item_brand, price_band, currency
order by revenue desc, item_brand nulls last, price_band nulls last, currency nulls last
limit $limit
