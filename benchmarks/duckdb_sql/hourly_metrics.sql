select
    placed.event_hour,
    try_strptime(placed.event_hour, '%Y-%m-%dT%H')::timestamptz as hour_start,
    traffic,
    count(*) as events,
    count(distinct placed.visitor_id) as visitors,
    count(distinct user_id) as users,
    count(*) filter (event_name = 'page_view') as page_views,
    count(*) filter (event_name = 'view_item') as view_items,
    count(*) filter (event_name = 'add_to_cart') as add_to_carts,
    count(*) filter (event_sequence = 1) as sessions_started,
    count(*) filter (is_order) as orders,
    coalesce(sum(value) filter (is_order and coalesce(currency, 'USD') = 'USD'), 0)::decimal(22, 2)
        as revenue,
    count(*) filter (is_order and currency <> 'USD') as orders_other_currency
from placed
join kinds on kinds.event_hour = placed.event_hour
    and kinds.visitor_id is not distinct from placed.visitor_id
group by placed.event_hour, traffic
