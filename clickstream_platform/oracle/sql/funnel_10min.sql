-- Per ten minutes with a visitor and funnel step: visitors who did the step, and all up to it.
-- Reads `funnel_step` (step_no, step).
with did as (
    select distinct
        event_hour,
        epoch_us(event_timestamp) // 600000000 * 600000000 as window_us,
        visitor_id,
        event_name
    from silver.events
    where visitor_id is not null
),

visits as (
    select event_hour, window_us, visitor_id, list(event_name) as event_names
    from did
    group by event_hour, window_us, visitor_id
),

steps as (
    select
        event_hour, window_us, step_no, step,
        count(*) filter (list_contains(event_names, step)) as at_step,
        count(*) filter (list_has_all(event_names, steps_so_far)) as through_step
    from visits
    cross join (
        select
            step_no, step,
            list(step) over (
                order by step_no rows between unbounded preceding and current row
            ) as steps_so_far
        from funnel_step
    )
    group by event_hour, window_us, step_no, step
)

select
    event_hour,
    make_timestamp(window_us) as window_start,
    make_timestamp(window_us + 600000000) as window_end,
    step_no,
    step,
    at_step as sessions_at_step,
    through_step as sessions_through_step,
    through_step / nullif(lag(through_step) over steps_of_window, 0)::double as step_rate,
    through_step / nullif(first_value(through_step) over steps_of_window, 0)::double as overall_rate
from steps
window steps_of_window as (partition by window_us order by step_no)
