-- Two rows per day with a session or an order: all traffic, and without the day's robots.
with robots as (
    select distinct event_hour[1:10] as event_day, visitor_id
    from gold.bot_visitors_hourly
    where is_bot
),

traffics as (select unnest(['all', 'human']) as traffic),

of_sessions as (
    select
        event_day,
        traffic,
        count(*) as sessions,
        count(*) filter (is_engaged) as engaged_sessions,
        count(*) filter (add_to_carts > 0) as cart_sessions,
        count(*) filter (purchases > 0) as converted_sessions,
        count(*) filter (add_to_carts > 0 and purchases = 0) as abandoned_carts,
        sum(page_views) as page_views,
        sum(view_items) as view_items,
        sum(add_to_carts) as add_to_carts
    from gold.day_sessions
    cross join traffics
    where traffic = 'all' or (event_day, visitor_id) not in (from robots)
    group by all
),

of_orders as (
    select
        event_day,
        traffic,
        count(*) filter (is_reported) as orders,
        count(*) filter (not is_reported) as orders_other_currency,
        sum(value) filter (is_reported) as revenue
    from gold.day_orders
    cross join traffics
    where traffic = 'all' or visitor_id is null or (event_day, visitor_id) not in (from robots)
    group by all
),

active as (
    select event_day, traffic, count(distinct customer_id) as active_users
    from (
        select event_day, customer_id, visitor_id from gold.day_sessions
        union all
        select event_day, customer_id, visitor_id from gold.day_orders where is_reported
    )
    cross join traffics
    where traffic = 'all' or visitor_id is null or (event_day, visitor_id) not in (from robots)
    group by all
),

days as (
    select
        event_day,
        traffic,
        columns(of_sessions.* exclude (event_day, traffic)),
        columns(of_orders.* exclude (event_day, traffic))
    from of_sessions
    full join of_orders using (event_day, traffic)
),

filled as (
    select
        event_day,
        event_day::date as event_date,
        traffic,
        coalesce(sessions, 0) as sessions,
        coalesce(active.active_users, 0) as active_users,
        coalesce(engaged_sessions, 0) as engaged_sessions,
        coalesce(cart_sessions, 0) as cart_sessions,
        coalesce(converted_sessions, 0) as converted_sessions,
        coalesce(abandoned_carts, 0) as abandoned_carts,
        coalesce(page_views, 0)::bigint as page_views,
        coalesce(view_items, 0)::bigint as view_items,
        coalesce(add_to_carts, 0)::bigint as add_to_carts,
        coalesce(orders, 0) as orders,
        coalesce(orders_other_currency, 0) as orders_other_currency,
        coalesce(revenue, 0)::decimal(22, 2) as revenue
    from days
    left join active using (event_day, traffic)
)

select
    *,
    engaged_sessions / nullif(sessions, 0) as engagement_rate,
    1 - engaged_sessions / nullif(sessions, 0) as bounce_rate,
    converted_sessions / nullif(sessions, 0) as conversion_rate,
    abandoned_carts / nullif(cart_sessions, 0) as cart_abandonment_rate,
    revenue::double / nullif(orders, 0) as average_order_value,
    revenue::double / nullif(sessions, 0) as revenue_per_session
from filled
