-- One row per event and item, numbered from 1; where a value differs from what its items sum to, the
-- difference is a row with item_number 0 and no item, so that the sums of both are equal.
with lines as (
    select
        id_scope,
        event_hour,
        event_id,
        event_name,
        event_timestamp,
        visitor_id,
        user_id,
        transaction_id,
        currency,
        value,
        unnest(range(1, len(items) + 1)) as item_number,
        unnest(items) as item
    from silver.events
),

explained as (
    select
        * exclude (item),
        item.item_id as item_id,
        item.item_name as item_name,
        item.item_brand as item_brand,
        item.item_category as item_category,
        item.price as price,
        coalesce(item.quantity, 1) as units,
        item.price * coalesce(item.quantity, 1)::decimal(10, 0) as amount
    from lines
),

summed as (
    select id_scope, event_hour, event_id, sum(amount) as amount
    from explained
    group by id_scope, event_hour, event_id
)

select * exclude (value, amount), amount::decimal(22, 2) as amount
from explained
union all by name
select
    events.id_scope,
    events.event_hour,
    events.event_id,
    events.event_name,
    events.event_timestamp,
    events.visitor_id,
    events.user_id,
    events.transaction_id,
    events.currency,
    0 as item_number,
    0 as units,
    (events.value - coalesce(summed.amount, 0))::decimal(22, 2) as amount
from silver.events
left join summed using (id_scope, event_hour, event_id)
where events.value <> coalesce(summed.amount, 0)
