-- name: top_products
-- description: Products by revenue, with units, orders and views; per currency.
-- tables: gold.revenue_5min, gold.order_lines, gold.product_activity_hourly, gold.bot_visitors_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: limit = 10

with revenue as (
    select item_id, currency, sum(revenue) as revenue, sum(units)::bigint as units
    from gold.revenue_5min
    where traffic = $traffic and event_hour between $from and $to and item_id is not null
    group by item_id, currency
),

ordered as (  -- an order counts once for a product, however many lines name it
    select item_id, currency, count(*) as orders
    from (
        select distinct order_id, currency, item_id
        from gold.order_lines as lines
        where lines.event_hour between $from and $to
            and ($traffic = 'all' or not exists (
                select 1
                from gold.bot_visitors_hourly as robots
                where robots.is_bot
                    and robots.event_hour = lines.event_hour
                    and robots.visitor_id = lines.visitor_id
            ))
    ) as bought
    group by item_id, currency
),

viewed as (
    select item_id, sum(views)::bigint as views
    from gold.product_activity_hourly
    where traffic = $traffic and event_hour between $from and $to
    group by item_id
)

select
    revenue.item_id,
    revenue.currency,
    revenue.revenue,
    revenue.units,
    ordered.orders,
    coalesce(viewed.views, 0) as views
from revenue
left join ordered
    on revenue.item_id = ordered.item_id
    and revenue.currency is not distinct from ordered.currency
left join viewed on revenue.item_id = viewed.item_id
order by revenue.revenue desc, revenue.currency nulls last, revenue.item_id
limit $limit
