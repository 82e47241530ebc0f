-- One row per kind of traffic and product.
with products as (
    select
        traffic,
        item_id,
        arg_max(item_category, event_day) filter (item_category is not null) as item_category,
        min(event_day) as first_day,
        max(event_day) as last_day,
        sum(views)::bigint as views,
        sum(add_to_carts)::bigint as add_to_carts,
        sum(orders)::bigint as orders,
        sum(units)::bigint as units,
        sum(revenue)::decimal(22, 2) as revenue,
        min(min_price) as min_price,
        max(max_price) as max_price
    from gold.product_metrics_daily
    group by traffic, item_id
)

select
    *,
    add_to_carts / nullif(views, 0) as cart_rate,
    orders / nullif(views, 0) as order_rate,
    views + 3 * add_to_carts + 10 * orders as engagement_score,
    case
        when max_price >= 500 then 'high'
        when max_price >= 50 then 'middle'
        when max_price is not null then 'low'
    end as price_band
from products
