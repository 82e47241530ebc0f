-- needs: gold.funnel_10min
-- One row per UTC day and step; visitors of ten minutes, steps in any order.
select
    left(event_hour, 10)::date as day,
    step_no,
    step,
    sum(sessions_at_step) as sessions_at_step,
    sum(sessions_through_step) as sessions_through_step,
    sum(sessions_through_step) / nullif(
        first_value(sum(sessions_through_step)) over (
            partition by left(event_hour, 10)::date order by step_no
        ), 0
    ) as overall_rate
from gold.funnel_10min
where traffic = 'all' and unit = 'session' and mode = 'any'
group by 1, 2, 3
