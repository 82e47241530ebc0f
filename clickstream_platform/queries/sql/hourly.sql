-- name: hourly
-- description: Every hour with events: traffic, sessions, orders and revenue.
-- tables: gold.hourly_metrics
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    event_hour,
    events,
    visitors,
    users,
    page_views,
    view_items,
    add_to_carts,
    sessions_started,
    orders - orders_other_currency as orders,
    revenue,
    orders_other_currency
from gold.hourly_metrics
where traffic = $traffic and event_hour between $from and $to
order by event_hour
