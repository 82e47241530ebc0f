-- name: cart_recovery
-- description: Carts left behind by day: what was lost, and what came back within 7 days.
-- tables: gold.cart_abandonment
-- param: traffic = all | human

select
    event_day,
    count(*) as carts,
    sum(cart_value) as cart_value,
    coalesce(sum(cart_value) filter (where recovered_order_id is null), 0) as lost_value,
    count(recovered_order_id) as recovered,
    coalesce(sum(recovered_value), 0) as recovered_value,
    1e0 * count(recovered_order_id) / count(*) as recovery_rate
from gold.cart_abandonment
where $traffic = 'all' or not is_bot
group by event_day
order by event_day
