-- name: session_funnel
-- description: Sessions through the funnel's steps: in any order, in order, or strictly in order.
-- tables: gold.funnel_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    mode,
    step_no,
    step,
    sum(sessions)::bigint as sessions,
    1e0 * sum(sessions) / nullif(first_value(sum(sessions)) over (
        partition by mode order by step_no
    ), 0) as overall_rate
from gold.funnel_hourly
where traffic = $traffic and event_hour between $from and $to
group by mode, step_no, step
order by mode, step_no
