-- name: funnel
-- description: The funnel over all the hours: visitors or users of ten minutes at and through each step, in one mode.
-- tables: gold.funnel_10min
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: unit = session | user
-- param: mode = any | ordered | strict

with steps as (
    select
        step_no,
        step,
        sum(sessions_at_step)::bigint as sessions_at_step,
        sum(sessions_through_step)::bigint as sessions_through_step
    from gold.funnel_10min
    where traffic = $traffic and unit = $unit and mode = $mode
        and event_hour between $from and $to
    group by step_no, step
)

select
    step_no,
    step,
    sessions_at_step,
    sessions_through_step,
    1e0 * sessions_through_step / nullif(lag(sessions_through_step) over by_step, 0) as step_rate,
    1e0 * sessions_through_step / nullif(first_value(sessions_through_step) over by_step, 0)
        as overall_rate
from steps
window by_step as (order by step_no, step)
order by step_no, step
