-- name: revenue_by_brand
-- description: Revenue by brand and price band as the catalogue had them at the time of the order.
-- tables: gold.v_order_items
-- param: from = min hour
-- param: to = max hour
-- param: limit = 20

select
    item_brand,
    price_band,
    currency,
    count(distinct order_id) as orders,
    sum(units)::bigint as units,
    sum(revenue) as revenue
from gold.v_order_items
where event_hour between $from and $to
group by item_brand, price_band, currency
order by revenue desc, item_brand nulls last, price_band nulls last, currency nulls last
limit $limit
