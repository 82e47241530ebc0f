-- One row per kind of traffic and customer.
with came as (
    select
        traffic,
        customer_id,
        min(started_at) as first_at,
        max(ended_at) as last_at,
        list(distinct event_day) as days,
        count(*) as sessions,
        count(*) filter (is_engaged) as engaged_sessions
    from gold.day_sessions
    cross join gold.traffics
    where not (leaves_robots_out and is_bot)
    group by traffic, customer_id
),

bought as (
    select
        traffic,
        customer_id,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at,
        list(distinct event_day) as days,
        count(*) as orders,
        sum(value) as worth
    from gold.day_orders
    cross join gold.traffics
    where is_reported and customer_id is not null and not (leaves_robots_out and is_bot)
    group by traffic, customer_id
),

customers as (
    select
        traffic,
        customer_id,
        least(first_at, first_order_at) as first_seen_at,
        greatest(last_at, last_order_at) as last_seen_at,
        len(list_distinct(coalesce(came.days, []) || coalesce(bought.days, [])))::bigint
            as active_days,
        coalesce(sessions, 0) as sessions,
        coalesce(engaged_sessions, 0) as engaged_sessions,
        coalesce(orders, 0) as orders,
        coalesce(worth, 0)::decimal(22, 2) as customer_lifetime_value,
        first_order_at,
        last_order_at
    from came
    full join bought using (traffic, customer_id)
)

select
    *,
    orders >= 2 as is_repeat,
    case
        when customer_lifetime_value >= 500 then 'High Value'
        when orders > 0 then 'Converted'
        when engaged_sessions > 0 then 'Engaged'
        else 'New/Inactive'
    end as segment
from customers
