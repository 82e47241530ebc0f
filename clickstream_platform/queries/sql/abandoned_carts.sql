-- name: abandoned_carts
-- description: Carts left behind by the step they reached: lost value and what came back in 7 days.
-- tables: gold.cart_abandonment
-- param: from = min hour
-- param: to = max hour

-- By whole days: those that the hours asked are in.
select
    step_reached,
    count(*) as carts,
    sum(cart_value) as cart_value,
    count(recovered_order_id) as recovered,
    coalesce(sum(recovered_value), 0) as recovered_value,
    1e0 * count(recovered_order_id) / count(*) as recovery_rate
from gold.cart_abandonment
where event_day between left($from, 10) and left($to, 10)
group by step_reached
order by cart_value desc, step_reached
