-- One row per day, kind of traffic, dimension and value of it.
with robots as (
    select distinct event_hour[1:10] as event_day, visitor_id
    from gold.bot_visitors_hourly
    where is_bot
),

sold as (
    select session_id, count(*) as orders, sum(value) as revenue
    from gold.day_orders
    join gold.session_of using (event_hour, id_scope, event_id)
    where is_reported
    group by session_id
),

counted as (
    select
        sessions.*,
        coalesce(orders, 0) as orders,
        coalesce(revenue, 0) as revenue,
        robots.visitor_id is null as is_human
    from gold.day_sessions as sessions
    left join robots using (event_day, visitor_id)
    left join sold using (session_id)
),

long as (
    unpivot (
        select
            event_day, is_human, is_engaged, add_to_carts, purchases, orders, revenue,
            coalesce(channel_group, '(unknown)') as channel_group,
            coalesce(mkt_source, '(unknown)') as mkt_source,
            coalesce(mkt_medium, '(unknown)') as mkt_medium,
            coalesce(mkt_campaign, '(unknown)') as mkt_campaign,
            coalesce(refr_source, '(unknown)') as refr_source,
            coalesce(device_category, '(unknown)') as device_category,
            coalesce(browser_name, '(unknown)') as browser_name,
            coalesce(os_name, '(unknown)') as os_name,
            coalesce(landing_page, '(unknown)') as landing_page
        from counted
    )
    on channel_group, mkt_source, mkt_medium, mkt_campaign, refr_source, device_category,
        browser_name, os_name, landing_page
    into name dimension value value
)

select
    event_day,
    traffic,
    dimension,
    value,
    count(*) as sessions,
    count(*) filter (is_engaged) as engaged_sessions,
    count(*) filter (add_to_carts > 0) as cart_sessions,
    count(*) filter (purchases > 0) as converted_sessions,
    count(*) filter (add_to_carts > 0 and purchases = 0) as abandoned_carts,
    sum(orders)::bigint as orders,
    sum(revenue)::decimal(22, 2) as revenue
from long
join (values ('all', false), ('human', true)) as traffics(traffic, only_human)
    on is_human or not only_human
group by all
