-- name: category_trend
-- description: Views, orders and revenue of each category by day.
-- tables: gold.product_metrics_daily
-- param: traffic = all | human

select
    item_category,
    event_day,
    sum(views)::bigint as views,
    sum(orders)::bigint as orders,
    sum(revenue) as revenue
from gold.product_metrics_daily
where traffic = $traffic
group by item_category, event_day
order by item_category nulls last, event_day
