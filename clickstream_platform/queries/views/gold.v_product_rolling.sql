-- One row per kind of traffic, product and hour with activity of it: sums over
-- the 1, 24 and 168 hours ending there.
select
    event_hour,
    traffic,
    item_id,
    views as views_1h,
    orders as orders_1h,
    revenue as revenue_1h,
    sum(views) over a_day as views_24h,
    sum(orders) over a_day as orders_24h,
    sum(revenue) over a_day as revenue_24h,
    sum(views) over a_week as views_7d,
    sum(orders) over a_week as orders_7d,
    sum(revenue) over a_week as revenue_7d
from (
    select *, cast(replace(event_hour, 'T', ' ') || ':00:00+00' as timestamptz) as hour_start
    from gold.product_activity_hourly
) as hours
window
    a_day as (
        partition by traffic, item_id order by hour_start
        range between interval '23 hours' preceding and current row
    ),
    a_week as (
        partition by traffic, item_id order by hour_start
        range between interval '167 hours' preceding and current row
    )
