-- One row per session with an add_to_cart and without order.
with carts as (
    select
        session_id,
        sum(case event_name when 'add_to_cart' then value when 'remove_from_cart' then -value end)
            as worth,
        max(list_position(
            ['begin_checkout', 'add_shipping_info', 'add_payment_info'], event_name
        )) as reached
    from silver.events
    join gold.session_of using (event_hour, id_scope, event_id)
    group by session_id
)

select
    event_day,
    session_id,
    sessions.visitor_id,
    ended_at,
    greatest(coalesce(worth, 0), 0)::decimal(22, 2) as cart_value,
    coalesce(
        ['begin_checkout', 'add_shipping_info', 'add_payment_info'][nullif(reached, 0)], 'cart'
    ) as step_reached,
    later.order_id as recovered_order_id,
    later.value as recovered_value,
    is_bot
from gold.day_sessions as sessions
join carts using (session_id)
left join lateral (
    select order_id, value
    from gold.day_orders as orders
    where orders.visitor_id = sessions.visitor_id
        and orders.ordered_at > sessions.ended_at
        and orders.ordered_at <= sessions.ended_at + interval 7 days
    order by ordered_at, order_id
    limit 1
) as later on true
where add_to_carts > 0 and purchases = 0
