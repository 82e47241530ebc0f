-- Products, one row per product and version: silver.products as the feeds tell (`catalogue`), and
-- products that no feed names as the events of each day show them (`events`): a version begins on a
-- day with another category or lowest price. `is_current` is the newest version known.
with told as (
    select
        item_id, version_no, valid_from, valid_to, content_hash, item_name, item_brand,
        item_category, price, 'catalogue' as origin
    from silver.products
),

shown as (
    select
        item_id,
        cast(event_day || ' 00:00:00+00' as timestamptz) as day_start,
        item_category,
        min_price,
        row_number() over by_day as day_no,
        lag(item_category) over by_day as category_before,
        lag(min_price) over by_day as price_before
    from gold.product_metrics_daily
    where traffic = 'all' and item_id not in (select item_id from silver.products)
    window by_day as (partition by item_id order by event_day)
),

changes as (
    select *
    from shown
    where day_no = 1
        or item_category is distinct from category_before
        or min_price is distinct from price_before
),

products as (
    select * from told
    union all
    select
        item_id,
        row_number() over by_change,
        day_start,
        lead(day_start) over by_change,
        null,
        null,
        null,
        item_category,
        min_price,
        'events'
    from changes
    window by_change as (partition by item_id order by day_start)
)

select
    products.*,
    products.valid_to is null as is_current,
    case
        when products.price < 50 then 'low'
        when products.price < 500 then 'middle'
        when products.price is not null then 'high'
    end as price_band
from products
