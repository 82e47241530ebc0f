-- One row per hour with accepted events.
with counted as (
    select
        event_hour,
        count(*) as events,
        count(distinct visitor_id) as visitors,
        count(distinct user_id) as users,
        count(*) filter (event_name = 'page_view') as page_views,
        count(*) filter (event_name = 'view_item') as view_items,
        count(*) filter (event_name = 'add_to_cart') as add_to_carts
    from silver.events
    group by event_hour
),

started as (
    select event_hour, count(*) as sessions_started from gold.fact_sessions group by event_hour
),

ordered as (
    select
        event_hour,
        count(*) as orders,
        sum(value) filter (coalesce(currency, reporting_currency) = reporting_currency) as revenue,
        count(*) filter (currency <> reporting_currency) as orders_other_currency
    from gold.fact_transactions
    cross join setting
    group by event_hour
)

select
    counted.event_hour,
    make_timestamp(hour_start_us(counted.event_hour)) as hour_start,
    counted.* exclude (event_hour),
    coalesce(sessions_started, 0) as sessions_started,
    coalesce(orders, 0) as orders,
    coalesce(revenue, 0)::decimal(22, 2) as revenue,
    coalesce(orders_other_currency, 0) as orders_other_currency
from counted
left join started on started.event_hour = counted.event_hour
left join ordered on ordered.event_hour = counted.event_hour
