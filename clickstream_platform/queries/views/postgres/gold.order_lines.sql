-- As ../gold.order_lines.sql: PostgreSQL has the items as JSON.
select
    order_id,
    event_hour,
    ordered_at,
    visitor_id,
    user_id,
    currency,
    item ->> 'item_id' as item_id,
    item ->> 'item_category' as item_category,
    coalesce((item ->> 'quantity')::bigint, 1) as units,
    coalesce((item ->> 'price')::numeric, 0)::decimal(22, 2)
        * coalesce((item ->> 'quantity')::bigint, 1)::decimal(16, 0) as revenue
from gold.fact_transactions
cross join lateral jsonb_array_elements(items) as line(item)
