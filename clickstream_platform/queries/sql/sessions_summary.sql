-- name: sessions_summary
-- description: Sessions: count, length, engagement, bounces, conversion and abandoned carts.
-- tables: gold.v_fact_sessions
-- param: from = min hour
-- param: to = max hour

select
    count(*) as sessions,
    count(*) filter (where is_closed) as closed_sessions,
    avg(duration_s) as average_duration_s,
    median(duration_s) as median_duration_s,
    sum(event_count) / nullif(count(*), 0) as events_per_session,
    count(*) filter (where is_engaged) / nullif(count(*), 0) as engagement_rate,
    count(*) filter (where not is_engaged) / nullif(count(*), 0) as bounce_rate,
    count(*) filter (where purchases > 0) / nullif(count(*), 0) as conversion_rate,
    count(*) filter (where cart_abandoned) as abandoned_carts
from gold.v_fact_sessions
where event_hour between $from and $to
