-- name: funnel_by_hour
-- description: The funnel hour by hour: visitors or users of ten minutes, in one mode.
-- tables: gold.funnel_10min
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: unit = session | user
-- param: mode = any | ordered | strict

with steps as (
    select
        event_hour,
        step_no,
        step,
        sum(sessions_at_step)::bigint as sessions_at_step,
        sum(sessions_through_step)::bigint as sessions_through_step
    from gold.funnel_10min
    where traffic = $traffic and unit = $unit and mode = $mode
        and event_hour between $from and $to
    group by event_hour, step_no, step
)

select
    event_hour,
    step_no,
    step,
    sessions_at_step,
    sessions_through_step,
    1e0 * sessions_through_step / nullif(lag(sessions_through_step) over by_step, 0) as step_rate,
    1e0 * sessions_through_step / nullif(first_value(sessions_through_step) over by_step, 0)
        as overall_rate
from steps
window by_step as (partition by event_hour order by step_no, step)
order by event_hour, step_no, step
