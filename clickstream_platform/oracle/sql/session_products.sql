-- One row per session that looked at a product or ordered one.
with named as (
    select session_id, event_name, unnest(items).item_id as item_id
    from silver.events
    join gold.session_of using (event_hour, id_scope, event_id)
    where event_name = 'view_item'
    union all
    select session_id, 'order', unnest(items).item_id
    from gold.day_orders
    join gold.session_of using (event_hour, id_scope, event_id)
)

select
    event_day,
    session_id,
    coalesce(list_sort(list(distinct item_id) filter (event_name = 'view_item')), []) as viewed,
    coalesce(list_sort(list(distinct item_id) filter (event_name = 'order')), []) as ordered,
    is_bot
from named
join gold.day_sessions using (session_id)
where item_id is not null
group by all
