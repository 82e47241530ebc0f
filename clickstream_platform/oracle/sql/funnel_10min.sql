-- Per ten minutes with a visitor, kind of traffic and funnel step: visitors who did the step, and
-- all up to it.
-- Reads `funnel_step` (step_no, step).
with visits as (
    select
        event_hour,
        epoch_us(event_timestamp) // 600000000 * 600000000 as window_us,
        traffic,
        visitor_id,
        event_name,
        epoch_us(event_timestamp) as us
    from silver.events
    cross join (values ('all'), ('human')) as kinds(traffic)
    where visitor_id is not null and (
        traffic = 'all' or (event_hour, visitor_id) not in (
            select (event_hour, visitor_id) from gold.bot_visitors_hourly where is_bot
        )
    )
),

firsts as (
    select event_hour, window_us, traffic, visitor_id, step_no, min(us) as first_us
    from visits
    join funnel_step on step = event_name
    group by all
),

-- Through step k are those with k steps up to k; since the last of them was there.
reached as (
    select
        *,
        count(*) over up_to = step_no as is_through,
        max(first_us) over up_to as through_us,
        min(first_us) filter (step_no = 1) over up_to as begun_us
    from firsts
    window up_to as (partition by window_us, traffic, visitor_id order by step_no)
),

timed as (
    select *, through_us - lag(through_us) over (
        partition by window_us, traffic, visitor_id order by step_no
    ) as step_us
    from reached
),

steps as (
    select
        windows.event_hour, windows.window_us, windows.traffic, steps.step_no, steps.step,
        count(timed.visitor_id) as at_step,
        count(timed.visitor_id) filter (is_through) as through_step,
        avg(step_us) filter (is_through) / 1000000 as mean_step_s,
        median(step_us) filter (is_through) / 1000000 as median_step_s,
        median(through_us - begun_us) filter (is_through and steps.step_no > 1) / 1000000
            as median_total_s
    from (select distinct event_hour, window_us, traffic from visits) as windows
    cross join funnel_step as steps
    left join timed
        on timed.window_us = windows.window_us and timed.traffic = windows.traffic
        and timed.step_no = steps.step_no
    group by all
)

select
    event_hour,
    make_timestamp(window_us) as window_start,
    make_timestamp(window_us + 600000000) as window_end,
    traffic,
    step_no,
    step,
    at_step as sessions_at_step,
    through_step as sessions_through_step,
    through_step / nullif(lag(through_step) over steps_of_window, 0)::double as step_rate,
    through_step / nullif(first_value(through_step) over steps_of_window, 0)::double as overall_rate,
    mean_step_s,
    median_step_s,
    median_total_s
from steps
window steps_of_window as (partition by window_us, traffic order by step_no)
