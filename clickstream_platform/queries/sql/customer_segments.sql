-- name: customer_segments
-- description: Customers by simple segment: how many, how active, what they are worth.
-- tables: gold.dim_user_metrics
-- param: traffic = all | human

select
    segment,
    count(*) as customers,
    sum(orders)::bigint as orders,
    sum(customer_lifetime_value) as revenue,
    avg(sessions) as sessions_per_customer
from gold.dim_user_metrics
where traffic = $traffic
group by segment
order by revenue desc, segment
