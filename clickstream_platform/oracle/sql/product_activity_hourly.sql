-- One row per hour, kind of traffic, and product that was seen, put into a cart or ordered.
with robots as (
    select event_hour, visitor_id, true as is_robot from gold.bot_visitors_hourly where is_bot
),

named as (
    select
        event_hour, visitor_id, event_name as kind, event_hour || ' ' || id_scope || ' ' || event_id as whole,
        unnest(items) as item
    from silver.events
    where event_name in ('view_item', 'add_to_cart')
    union all
    select event_hour, visitor_id, 'order', order_id, unnest(items)
    from gold.day_orders
    where is_reported
),

once as (
    select
        event_hour, visitor_id, item.item_id as item_id, kind, whole,
        sum(coalesce(item.quantity, 1)) as units,
        sum(coalesce(item.price, 0) * coalesce(item.quantity, 1)) as revenue
    from named
    where item.item_id is not null
    group by all
)

select
    event_hour[1:10] as event_day,
    event_hour,
    traffic,
    item_id,
    count(*) filter (kind = 'view_item') as views,
    count(*) filter (kind = 'add_to_cart') as add_to_carts,
    count(*) filter (kind = 'order') as orders,
    coalesce(sum(units) filter (kind = 'order'), 0)::bigint as units,
    coalesce(sum(revenue) filter (kind = 'order'), 0)::decimal(22, 2) as revenue
from once
left join robots using (event_hour, visitor_id)
join (values ('all', false), ('human', true)) as kinds(traffic, only_human)
    on is_robot is null or not only_human
group by all
