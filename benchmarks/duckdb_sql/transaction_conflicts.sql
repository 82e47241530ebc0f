with bought as (
    select
        *,
        last_value(if(is_order, {
            'event_id': event_id, 'moment': event_timestamp, 'hour': event_hour, 'value': value,
            'currency': currency
        }, null) ignore nulls) over (
            partition by id_scope, transaction_id, coalesce(user_id, visitor_id, '')
            order by event_timestamp, event_id, id_scope
            rows between unbounded preceding and current row
        ) as opening
    from placed
    where event_name = 'purchase' and transaction_id is not null
)

select
    event_hour, id_scope, event_id, event_timestamp as repeated_at, value, currency,
    md5(concat_ws(chr(31), id_scope, opening.event_id, opening.hour)) as order_id,
    transaction_id, visitor_id, user_id, opening.moment as ordered_at, opening.hour as order_hour,
    opening.value as order_value, opening.currency as order_currency
from bought
where not is_order
    and (value is distinct from opening.value or currency is distinct from opening.currency)
