-- One row per day, kind of traffic and product that was seen, put into a cart or ordered.
with shown as (
    select
        event_hour[1:10] as event_day, traffic, event_hour, id_scope, event_id, event_name,
        visitor_id, unnest(items) as item
    from silver.events as events
    cross join gold.traffics
    where event_name in ('view_item', 'add_to_cart')
        and (not leaves_robots_out or not exists (
            select 1 from gold.day_robots as robots
            where robots.event_day = events.event_hour[1:10]
                and robots.visitor_id = events.visitor_id
        ))
),

of_events as (
    select
        event_day,
        traffic,
        item.item_id as item_id,
        max(item.item_category) as category,
        count(distinct (event_hour, id_scope, event_id)) filter (event_name = 'view_item') as views,
        count(distinct visitor_id) filter (event_name = 'view_item') as viewers,
        count(distinct (event_hour, id_scope, event_id)) filter (event_name = 'add_to_cart')
            as add_to_carts,
        min(item.price) as low,
        max(item.price) as high
    from shown
    where item.item_id is not null
    group by all
),

sold as (
    select event_day, traffic, order_id, unnest(items) as item
    from gold.day_orders
    cross join gold.traffics
    where is_reported and not (leaves_robots_out and is_bot)
),

of_orders as (
    select
        event_day,
        traffic,
        item.item_id as item_id,
        max(item.item_category) as category,
        count(distinct order_id) as orders,
        sum(coalesce(item.quantity, 1))::bigint as units,
        sum(coalesce(item.price, 0) * coalesce(item.quantity, 1))::decimal(22, 2) as revenue,
        min(item.price) as low,
        max(item.price) as high
    from sold
    where item.item_id is not null
    group by all
)

select
    event_day,
    traffic,
    item_id,
    greatest(of_events.category, of_orders.category) as item_category,
    coalesce(views, 0) as views,
    coalesce(viewers, 0) as viewers,
    coalesce(add_to_carts, 0) as add_to_carts,
    coalesce(orders, 0) as orders,
    coalesce(units, 0) as units,
    coalesce(revenue, 0)::decimal(22, 2) as revenue,
    least(of_events.low, of_orders.low) as min_price,
    greatest(of_events.high, of_orders.high) as max_price
from of_events
full join of_orders using (event_day, traffic, item_id)
