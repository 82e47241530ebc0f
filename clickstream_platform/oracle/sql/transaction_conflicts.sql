-- One row per repeat of an order whose value or currency is not that of the first purchase.
with opened as (
    select
        *,
        last_value(
            case when is_first_of_order then {
                'event_id': event_id, 'ordered_at': event_timestamp, 'hour': event_hour,
                'amount': value, 'unit': currency
            } end ignore nulls
        ) over (
            partition by id_scope, transaction_id, customer
            order by event_timestamp, event_id
            rows between unbounded preceding and current row
        ) as opening
    from gold.orders
    where transaction_id is not null
)

select
    event_hour,
    id_scope,
    event_id,
    event_timestamp as repeated_at,
    value,
    currency,
    md5(concat_ws(chr(31), id_scope, opening.event_id, opening.hour)) as order_id,
    transaction_id,
    visitor_id,
    user_id,
    opening.ordered_at as ordered_at,
    opening.hour as order_hour,
    opening.amount as order_value,
    opening.unit as order_currency
from opened
where not is_first_of_order
    and (value <> opening.amount or currency is distinct from opening.unit)
