-- name: repeat_customers
-- description: One-time and repeat buyers: how many, and their share of revenue.
-- tables: gold.dim_user_metrics
-- param: traffic = all | human

select
    case when is_repeat then 'repeat' else 'one-time' end as buyers,
    count(*) as customers,
    sum(orders)::bigint as orders,
    sum(customer_lifetime_value) as revenue,
    sum(customer_lifetime_value)::double precision
        / nullif(sum(sum(customer_lifetime_value)) over (), 0) as revenue_share
from gold.dim_user_metrics
where traffic = $traffic and orders > 0
group by is_repeat
order by buyers
