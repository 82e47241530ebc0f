with shown as (
    select fact_transactions.*, traffic
    from fact_transactions
    join kinds on kinds.event_hour = fact_transactions.event_hour
        and kinds.visitor_id is not distinct from fact_transactions.visitor_id
),

parts as (
    select
        order_id, event_hour, ordered_at, traffic, currency,
        item.item_category as item_category, item.item_id as item_id,
        coalesce(item.quantity, 1) as units,
        (coalesce(item.price, 0) * coalesce(item.quantity, 1)::decimal(10, 0))::decimal(22, 2)
            as revenue
    from (select *, unnest(items) as item from shown)
),

rest as (
    select
        whole.order_id, whole.event_hour, whole.ordered_at, whole.traffic, whole.currency,
        null::varchar as item_category, null::varchar as item_id, 0::bigint as units,
        (any_value(whole.value) - coalesce(sum(parts.revenue), 0))::decimal(22, 2) as revenue
    from shown as whole
    left join parts using (order_id, traffic)
    group by all
    having revenue <> 0
)

select
    event_hour,
    time_bucket(interval 5 minutes, ordered_at) as window_start,
    time_bucket(interval 5 minutes, ordered_at) + interval 5 minutes as window_end,
    traffic, currency, item_category, item_id,
    count(distinct order_id) as orders,
    sum(units)::bigint as units,
    sum(revenue)::decimal(22, 2) as revenue
from (from parts union all by name from rest)
group by all
