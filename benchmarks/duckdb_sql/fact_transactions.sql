select
    md5(concat_ws(chr(31), id_scope, event_id, event_hour)) as order_id,
    transaction_id, id_scope, event_id, event_timestamp as ordered_at, event_hour, visitor_id,
    user_id, value, currency, len(items)::bigint as item_count,
    list_sum(list_transform(items, lambda item: coalesce(item.quantity, 1)))::bigint as units,
    items, is_high_value
from placed
where is_order
