-- name: trending_products
-- description: Products by views in the last hour, 24 hours and 7 days up to the newest hour.
-- tables: gold.product_activity_hourly
-- param: traffic = all | human
-- param: limit = 10

with hours as (
    select *, cast(replace(event_hour, 'T', ' ') || ':00:00+00' as timestamptz) as hour_start
    from gold.product_activity_hourly
    where traffic = $traffic
),

newest as (select max(hour_start) as at_hour from hours)

select
    item_id,
    coalesce(sum(views) filter (where hour_start = at_hour), 0)::bigint as views_1h,
    coalesce(sum(views) filter (where hour_start > at_hour - interval '24 hours'), 0)::bigint
        as views_24h,
    sum(views)::bigint as views_7d,
    coalesce(sum(orders) filter (where hour_start > at_hour - interval '24 hours'), 0)::bigint
        as orders_24h,
    sum(orders)::bigint as orders_7d,
    sum(revenue) as revenue_7d
from hours
cross join newest
where hour_start > at_hour - interval '168 hours'
group by item_id
order by views_24h desc, views_7d desc, item_id
limit $limit
