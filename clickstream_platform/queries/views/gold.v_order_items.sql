-- One row per order and item line, with product and user as the catalogue knew them when it was
-- ordered; what of an order's value its lines do not explain is a row without product. (Users from
-- silver: dim_users adds accounts of which nothing is known, and reads every event for them.)
with lines as (
    select order_id, event_hour, ordered_at, user_id, currency, item_id, units, revenue
    from gold.order_lines
),

explained as (
    select order_id, sum(revenue) as revenue
    from lines
    group by order_id
),

parts as (
    select * from lines
    union all
    select
        orders.order_id,
        orders.event_hour,
        orders.ordered_at,
        orders.user_id,
        orders.currency,
        null,
        0,
        orders.value - coalesce(explained.revenue, 0)
    from gold.fact_transactions as orders
    left join explained on explained.order_id = orders.order_id
    where orders.value <> coalesce(explained.revenue, 0)
)

select
    parts.*,
    products.version_no as product_version_no,
    products.item_name,
    products.item_brand,
    products.item_category,
    products.price as list_price,
    products.price_band,
    users.segment as user_segment,
    users.country as user_country
from parts
left join gold.dim_products as products
    on products.item_id = parts.item_id
    and products.valid_from <= parts.ordered_at
    and (products.valid_to is null or parts.ordered_at < products.valid_to)
left join silver.users as users
    on users.user_id = parts.user_id
    and users.valid_from <= parts.ordered_at
    and (users.valid_to is null or parts.ordered_at < users.valid_to)
