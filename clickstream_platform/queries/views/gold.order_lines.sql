-- One row per order and item line; a missing quantity is 1, a missing price 0.
select
    order_id,
    event_hour,
    ordered_at,
    visitor_id,
    user_id,
    currency,
    line.item.item_id as item_id,
    line.item.item_category as item_category,
    coalesce(line.item.quantity, 1) as units,
    coalesce(line.item.price, 0)::decimal(22, 2) * coalesce(line.item.quantity, 1)::decimal(16, 0)
        as revenue
from gold.fact_transactions, unnest(items) as line(item)
