-- name: daily_without_bots
-- description: What robots change: each day with and without them.
-- tables: gold.fact_daily_metrics

select
    whole.event_day,
    whole.sessions,
    whole.sessions - coalesce(human.sessions, 0) as bot_sessions,
    whole.orders - coalesce(human.orders, 0) as bot_orders,
    whole.revenue - coalesce(human.revenue, 0) as bot_revenue,
    whole.conversion_rate as conversion_rate_with_bots,
    human.conversion_rate as conversion_rate_without_bots
from gold.fact_daily_metrics as whole
left join gold.fact_daily_metrics as human
    on human.event_day = whole.event_day and human.traffic = 'human'
where whole.traffic = 'all'
order by whole.event_day
