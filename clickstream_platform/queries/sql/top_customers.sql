-- name: top_customers
-- description: Customers by lifetime value.
-- tables: gold.dim_user_metrics
-- param: traffic = all | human
-- param: limit = 10

select customer_id, customer_lifetime_value, orders, sessions, first_seen_at, last_order_at
from gold.dim_user_metrics
where traffic = $traffic and orders > 0
order by customer_lifetime_value desc, customer_id
limit $limit
