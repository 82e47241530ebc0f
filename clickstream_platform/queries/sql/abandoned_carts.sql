-- name: abandoned_carts
-- description: Carts left behind by the step they reached: worth, lost, and back in 7 days.
-- tables: gold.cart_abandonment, gold.all_sessions
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    step_reached,
    count(*) as carts,
    sum(cart_value) as cart_value,
    coalesce(sum(cart_value) filter (where recovered_order_id is null), 0) as lost_value,
    count(recovered_order_id) as recovered,
    coalesce(sum(recovered_value), 0) as recovered_value,
    1e0 * count(recovered_order_id) / count(*) as recovery_rate
from gold.cart_abandonment as carts
join gold.all_sessions as sessions on sessions.session_id = carts.session_id
where sessions.event_hour between $from and $to and ($traffic = 'all' or not carts.is_bot)
group by step_reached
order by cart_value desc, step_reached
