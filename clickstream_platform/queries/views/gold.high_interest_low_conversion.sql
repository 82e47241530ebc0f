-- Products seen at least as often as three in four others that were seen, yet ordered less often
-- per view than all products together; by kind of traffic. (Not than the median product: in a shop
-- with a long tail that one was never ordered, and nothing is below it.)
select
    products.*,
    limits.views_from,
    limits.order_rate_below
from gold.dim_product_metrics as products
join (
    select
        traffic,
        percentile_cont(0.75) within group (order by views) as views_from,
        sum(orders)::double precision / sum(views) as order_rate_below
    from gold.dim_product_metrics
    where views > 0
    group by traffic
) as limits on limits.traffic = products.traffic
where products.views >= limits.views_from and products.order_rate < limits.order_rate_below
