-- Per ten minutes with a visitor, kind of traffic, unit, mode and funnel step: units that did the
-- step, and that came through all up to it.
-- Reads `funnel_step` (step_no, step).
with recursive visits as (
    select
        event_hour,
        epoch_us(event_timestamp) // 600000000 * 600000000 as window_us,
        traffic,
        unit,
        if(unit = 'user', coalesce(user_id, visitor_id), visitor_id) as unit_id,
        event_name, event_timestamp, event_id, id_scope
    from silver.events
    cross join (values ('all'), ('human')) as kinds(traffic)
    cross join (values ('session'), ('user')) as units(unit)
    where visitor_id is not null and (
        traffic = 'all' or (event_hour, visitor_id) not in (
            select (event_hour, visitor_id) from gold.bot_visitors_hourly where is_bot
        )
    )
),

did as (
    select
        window_us, traffic, unit, unit_id, step_no,
        epoch_us(event_timestamp) as us,
        row_number() over (
            partition by window_us, traffic, unit, unit_id
            order by event_timestamp, event_id, id_scope
        ) as place
    from visits
    join funnel_step on step = event_name
),

firsts as (
    select window_us, traffic, unit, unit_id, step_no, min(us) as us
    from did
    group by all
),

-- In any order: step k of those with k steps up to k; since the last of them was there.
any_order as (
    select
        firsts.* exclude (us),
        max(us) over up_to as us,
        count(*) over up_to as steps_done
    from firsts
    window up_to as (partition by window_us, traffic, unit, unit_id order by step_no)
),

-- In order: step k at the earliest event of it after the one taken for step k - 1.
in_order as (
    select window_us, traffic, unit, unit_id, step_no, min(place) as place
    from did
    where step_no = 1
    group by all
    union all
    select did.window_us, did.traffic, did.unit, did.unit_id, did.step_no, min(did.place)
    from in_order
    join did
        on did.window_us = in_order.window_us and did.traffic = in_order.traffic
        and did.unit = in_order.unit and did.unit_id = in_order.unit_id
        and did.step_no = in_order.step_no + 1 and did.place > in_order.place
    group by all
),

-- Strict: without repeats in a row, 1, 2, ..., k stand side by side.
turns as (
    select *, row_number() over (
        partition by window_us, traffic, unit, unit_id order by place
    ) as turn
    from (
        select *, lag(step_no) over (
            partition by window_us, traffic, unit, unit_id order by place
        ) as before
        from did
    )
    where before is distinct from step_no
),

-- Turns that follow each other have the same difference of turn and step.
runs as (
    select *, row_number() over (
        partition by window_us, traffic, unit, unit_id, turn - step_no order by turn
    ) as length
    from turns
),

reached as (
    select 'any' as mode, window_us, traffic, unit, unit_id, step_no, us
    from any_order
    where steps_done = step_no
    union all
    select 'ordered', window_us, traffic, unit, unit_id, step_no, us
    from in_order
    join did using (window_us, traffic, unit, unit_id, step_no, place)
    union all
    select 'strict', window_us, traffic, unit, unit_id, step_no, min(us)
    from runs
    where length = step_no
    group by all
),

timed as (
    select
        *,
        us - lag(us) over by_step as step_us,
        us - first_value(us) over by_step as total_us
    from reached
    window by_step as (partition by mode, window_us, traffic, unit, unit_id order by step_no)
),

at_step as (
    select window_us, traffic, unit, step_no, count(*) as units
    from firsts
    group by all
),

through_step as (
    select
        mode, window_us, traffic, unit, step_no,
        count(*) as units,
        avg(step_us) / 1000000 as mean_step_s,
        median(step_us) / 1000000 as median_step_s,
        median(total_us) filter (step_no > 1) / 1000000 as median_total_s
    from timed
    group by all
),

-- Every window with a visitor shows all steps, in all modes.
steps as (
    select
        windows.*, mode, steps.step_no, step,
        coalesce(at_step.units, 0) as at_step,
        coalesce(through_step.units, 0) as through_step,
        mean_step_s, median_step_s, median_total_s
    from (select distinct event_hour, window_us, traffic, unit from visits) as windows
    cross join funnel_step as steps
    cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
    left join at_step using (window_us, traffic, unit, step_no)
    left join through_step using (window_us, traffic, unit, mode, step_no)
)

select
    event_hour,
    make_timestamp(window_us) as window_start,
    make_timestamp(window_us + 600000000) as window_end,
    traffic,
    unit,
    mode,
    step_no,
    step,
    at_step as sessions_at_step,
    through_step as sessions_through_step,
    through_step / nullif(lag(through_step) over steps_of, 0)::double as step_rate,
    through_step / nullif(first_value(through_step) over steps_of, 0)::double as overall_rate,
    mean_step_s,
    median_step_s,
    median_total_s
from steps
window steps_of as (partition by window_us, traffic, unit, mode order by step_no)
