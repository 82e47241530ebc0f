-- One row per hour and customer with an event.
with did as (
    select
        event_hour,
        coalesce(user_id, visitor_id) as customer_id,
        count(*) as events,
        count(*) filter (event_name = 'view_item') as view_items,
        count(*) filter (event_name = 'add_to_cart') as add_to_carts
    from silver.events
    where coalesce(user_id, visitor_id) is not null
    group by all
),

bought as (
    select event_hour, customer_id, count(*) as orders, sum(value) as revenue
    from gold.day_orders
    where is_reported
    group by all
)

select
    event_hour[1:10] as event_day,
    did.*,
    coalesce(orders, 0) as orders,
    coalesce(revenue, 0)::decimal(22, 2) as revenue
from did
left join bought using (event_hour, customer_id)
