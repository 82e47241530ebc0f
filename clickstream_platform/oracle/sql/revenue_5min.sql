-- Order revenue per five minutes, kind of traffic, currency, category and product; the rest of an
-- order's value, which its items do not explain, without product and with 0 units.
with placed as (
    select *, epoch_us(ordered_at) // 300000000 * 300000000 as window_us
    from gold.fact_transactions
),

shown as (
    select order_id, unnest(['all', 'human']) as traffic from placed
    except
    select order_id, 'human'
    from placed
    join gold.bot_visitors_hourly as robots using (event_hour, visitor_id)
    where is_bot
),

products as (
    select
        order_id, event_hour, window_us, currency,
        item.item_category as item_category,
        item.item_id as item_id,
        coalesce(item.quantity, 1) as units,
        coalesce(item.price, 0)::decimal(22, 2) * coalesce(item.quantity, 1)::decimal(16, 0) as revenue
    from (select *, unnest(items) as item from placed)
),

explained as (
    select order_id, sum(revenue) as revenue from products group by order_id
),

residuals as (
    select
        placed.order_id, event_hour, window_us, currency,
        null::varchar as item_category,
        null::varchar as item_id,
        0::bigint as units,
        value - coalesce(explained.revenue, 0) as revenue
    from placed
    left join explained on explained.order_id = placed.order_id
    where value <> coalesce(explained.revenue, 0)
)

select
    event_hour,
    make_timestamp(window_us) as window_start,
    make_timestamp(window_us + 300000000) as window_end,
    traffic,
    currency,
    item_category,
    item_id,
    count(distinct order_id) as orders,
    sum(units)::bigint as units,
    sum(revenue)::decimal(22, 2) as revenue
from (from products union all by name from residuals)
join shown using (order_id)
group by event_hour, window_us, traffic, currency, item_category, item_id
