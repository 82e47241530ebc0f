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
),

-- The lower median of the days' lowest prices.
ranked as (
    select
        traffic,
        item_id,
        min_price,
        row_number() over (partition by traffic, item_id order by min_price) as place,
        count(*) over (partition by traffic, item_id) as days
    from gold.product_metrics_daily
    where min_price is not null
),

usual as (
    select traffic, item_id, min_price as price
    from ranked
    where place = (days + 1) // 2
)

select
    *,
    add_to_carts / nullif(views, 0) as cart_rate,
    orders / nullif(views, 0) as order_rate,
    views + 3 * add_to_carts + 10 * orders as engagement_score,
    case
        when price >= 500 then 'high'
        when price >= 50 then 'middle'
        when price is not null then 'low'
    end as price_band
from products
left join usual using (traffic, item_id)
