-- name: top_categories
-- description: Categories by revenue; the row without category holds what no category explains.
-- tables: gold.revenue_5min, gold.order_lines, gold.bot_visitors_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: limit = 10

with revenue as (
    select item_category, currency, sum(revenue) as revenue, sum(units)::bigint as units
    from gold.revenue_5min
    where traffic = $traffic and event_hour between $from and $to
    group by item_category, currency
),

ordered as (
    select item_category, currency, count(*) as orders
    from (
        select distinct order_id, currency, item_category
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
    group by item_category, currency
)

select
    revenue.item_category,
    revenue.currency,
    revenue.revenue,
    revenue.units,
    coalesce(ordered.orders, 0) as orders
from revenue
left join ordered
    on revenue.item_category is not distinct from ordered.item_category
    and revenue.currency is not distinct from ordered.currency
order by revenue.revenue desc, revenue.currency nulls last, revenue.item_category nulls last
limit $limit
