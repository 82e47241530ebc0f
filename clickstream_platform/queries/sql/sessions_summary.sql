-- name: sessions_summary
-- description: Sessions: count, length, engagement, bounces, conversion and abandoned carts.
-- tables: gold.dim_sessions
-- metrics: sessions, engagement_rate, bounce_rate, conversion_rate, abandoned_carts
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    count(*) as sessions,
    count(*) filter (where is_closed) as closed_sessions,
    avg(duration_s) as average_duration_s,
    percentile_cont(0.5) within group (order by duration_s) as median_duration_s,
    1e0 * sum(event_count) / nullif(count(*), 0) as events_per_session,
    1e0 * count(*) filter (where is_engaged) / nullif(count(*), 0) as engagement_rate,
    1e0 * count(*) filter (where not is_engaged) / nullif(count(*), 0) as bounce_rate,
    1e0 * count(*) filter (where purchases > 0) / nullif(count(*), 0) as conversion_rate,
    count(*) filter (where add_to_carts > 0 and purchases = 0) as abandoned_carts
from gold.dim_sessions
where event_hour between $from and $to and ($traffic = 'all' or not is_bot)
