-- name: products_by_conversion
-- description: From view to cart to order, by category and price band.
-- tables: gold.dim_product_metrics
-- param: traffic = all | human

select
    item_category,
    price_band,
    count(*) as products,
    sum(views)::bigint as views,
    1e0 * sum(add_to_carts) / nullif(sum(views), 0) as cart_rate,
    1e0 * sum(orders) / nullif(sum(views), 0) as order_rate,
    sum(revenue) as revenue
from gold.dim_product_metrics
where traffic = $traffic
group by item_category, price_band
order by revenue desc, item_category nulls last, price_band nulls last
