-- One row per hour with events: how much of it came from robots.
select
    hours.event_hour,
    hours.events,
    hours.visitors,
    coalesce(robots.bot_visitors, 0) as bot_visitors,
    coalesce(robots.bot_events, 0) as bot_events,
    coalesce(robots.bot_orders, 0) as bot_orders,
    1e0 * coalesce(robots.bot_events, 0) / hours.events as bot_event_rate
from gold.hourly_metrics as hours
left join (
    select
        event_hour,
        count(*) as bot_visitors,
        sum(events)::bigint as bot_events,
        sum(orders)::bigint as bot_orders
    from gold.bot_visitors_hourly
    where is_bot
    group by event_hour
) as robots on robots.event_hour = hours.event_hour
where hours.traffic = 'all'
