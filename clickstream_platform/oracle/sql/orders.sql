-- Every purchase with the number of its order among the purchases of its customer and number.
-- Purchases without transaction_id are an order each.
with purchases as (
    select
        *,
        coalesce(user_id, visitor_id, '') as customer,
        lag(event_timestamp) over same_order as before
    from silver.events
    where event_name = 'purchase'
    window same_order as (
        partition by id_scope, transaction_id, coalesce(user_id, visitor_id, '')
        order by event_timestamp, event_id, id_scope
    )
)

select
    * exclude (before),
    transaction_id is null
        or before is null
        or epoch_us(event_timestamp) - epoch_us(before) > setting.order_repeat_s * 1000000
        as is_first_of_order
from purchases
cross join setting
