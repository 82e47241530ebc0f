-- name: overview
-- description: The hours in one row: events, visitors, sessions, orders and revenue.
-- tables: gold.hourly_metrics, gold.fact_events, gold.bot_visitors_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

with hours as (
    select
        min(event_hour) as first_hour,
        max(event_hour) as last_hour,
        count(*) as hours,
        coalesce(sum(events), 0)::bigint as events,
        coalesce(sum(sessions_started), 0)::bigint as sessions,
        coalesce(sum(orders - orders_other_currency), 0)::bigint as orders,
        coalesce(sum(revenue), 0)::decimal(22, 2) as revenue,
        coalesce(sum(orders_other_currency), 0)::bigint as orders_other_currency
    from gold.hourly_metrics
    where traffic = $traffic and event_hour between $from and $to
),

ids as (
    select visitor_id, user_id
    from gold.fact_events as events
    where event_hour between $from and $to
        and ($traffic = 'all' or not exists (
            select 1
            from gold.bot_visitors_hourly as robots
            where robots.is_bot
                and robots.event_hour = events.event_hour
                and robots.visitor_id = events.visitor_id
        ))
    group by visitor_id, user_id
),

people as (
    select
        count(distinct visitor_id) as visitors,
        count(distinct user_id) as users
    from ids
)

select
    first_hour,
    last_hour,
    hours,
    events,
    visitors,
    users,
    sessions,
    orders,
    revenue,
    orders_other_currency
from hours
cross join people
