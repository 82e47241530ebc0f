-- name: high_interest_low_conversion
-- description: Products many look at and few order.
-- tables: gold.high_interest_low_conversion
-- param: traffic = all | human
-- param: limit = 10

select item_id, item_category, price, views, add_to_carts, orders, order_rate
from gold.high_interest_low_conversion
where traffic = $traffic
order by views desc, item_id
limit $limit
