-- Two rows per hour with accepted events: all traffic, and without the hour's robots.
with kinds as (select unnest(['all', 'human']) as traffic),

robots as (select event_hour, visitor_id from gold.bot_visitors_hourly where is_bot),

counted as (
    select
        event_hour,
        traffic,
        count(*) as events,
        count(distinct visitor_id) as visitors,
        count(distinct user_id) as users,
        count(*) filter (event_name = 'page_view') as page_views,
        count(*) filter (event_name = 'view_item') as view_items,
        count(*) filter (event_name = 'add_to_cart') as add_to_carts
    from silver.events
    cross join kinds
    where traffic = 'all' or visitor_id is null or (event_hour, visitor_id) not in (from robots)
    group by all
),

started as (
    select event_hour, traffic, count(*) as sessions_started
    from gold.fact_sessions
    cross join kinds
    where traffic = 'all' or (event_hour, visitor_id) not in (from robots)
    group by all
),

ordered as (
    select
        event_hour,
        traffic,
        count(*) as orders,
        sum(value) filter (coalesce(currency, reporting_currency) = reporting_currency) as revenue,
        count(*) filter (currency <> reporting_currency) as orders_other_currency
    from gold.fact_transactions
    cross join setting
    cross join kinds
    where traffic = 'all' or visitor_id is null or (event_hour, visitor_id) not in (from robots)
    group by all
)

select
    event_hour,
    make_timestamp(hour_start_us(event_hour)) as hour_start,
    traffic,
    counted.* exclude (event_hour, traffic),
    coalesce(sessions_started, 0) as sessions_started,
    coalesce(orders, 0) as orders,
    coalesce(revenue, 0)::decimal(22, 2) as revenue,
    coalesce(orders_other_currency, 0) as orders_other_currency
from counted
left join started using (event_hour, traffic)
left join ordered using (event_hour, traffic)
