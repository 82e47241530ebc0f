-- One row per hour, kind of traffic, and customer with an event of it.
with robots as (select event_hour, visitor_id from gold.bot_visitors_hourly where is_bot),

kinds as (select unnest(['all', 'human']) as traffic),

did as (
    select
        event_hour,
        traffic,
        coalesce(user_id, visitor_id) as customer_id,
        count(*) as events,
        count(*) filter (event_name = 'view_item') as view_items,
        count(*) filter (event_name = 'add_to_cart') as add_to_carts
    from silver.events
    cross join kinds
    where coalesce(user_id, visitor_id) is not null
        and (traffic = 'all' or visitor_id is null
             or (event_hour, visitor_id) not in (from robots))
    group by all
),

bought as (
    select event_hour, traffic, customer_id, count(*) as orders, sum(value) as revenue
    from gold.day_orders
    cross join kinds
    where is_reported
        and (traffic = 'all' or visitor_id is null
             or (event_hour, visitor_id) not in (from robots))
    group by all
)

select
    event_hour[1:10] as event_day,
    did.*,
    coalesce(orders, 0) as orders,
    coalesce(revenue, 0)::decimal(22, 2) as revenue
from did
left join bought using (event_hour, traffic, customer_id)
