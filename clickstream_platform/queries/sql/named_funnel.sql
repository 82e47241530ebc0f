-- name: named_funnel
-- description: A funnel of the settings over days: sessions or users, in one mode, with and without robots.
-- tables: gold.funnels_daily
-- param: funnel = purchase
-- param: unit = session | user
-- param: mode = ordered | any | strict
-- param: from_day = min day
-- param: to_day = max day

select
    traffic,
    step_no,
    step,
    sum(units)::bigint as units,
    1e0 * sum(units) / nullif(lag(sum(units)) over (
        partition by traffic order by step_no
    ), 0) as step_rate,
    1e0 * sum(units) / nullif(first_value(sum(units)) over (
        partition by traffic order by step_no
    ), 0) as overall_rate
from gold.funnels_daily
where funnel = $funnel and unit = $unit and mode = $mode
    and event_day between $from_day and $to_day
group by traffic, step_no, step
order by traffic, step_no, step
