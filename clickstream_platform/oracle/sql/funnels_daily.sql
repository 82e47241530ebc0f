-- Per day, named funnel, kind of traffic, unit, mode and step: the units that came so far.
-- Reads `named_funnel` (funnel, step_no, step).
with recursive robots as (
    select distinct event_hour[1:10] as event_day, visitor_id
    from gold.bot_visitors_hourly
    where is_bot
),

-- An event of a session counts on the day the session started, one of a user on its own day.
done as (
    select
        'session' as unit, session_id as unit_id, sessions.event_day, sessions.visitor_id,
        event_name, event_timestamp, event_id, id_scope
    from silver.events as events
    join gold.session_of as place using (event_hour, id_scope, event_id)
    join gold.day_sessions as sessions using (session_id)
    union all
    select
        'user', coalesce(user_id, visitor_id), event_hour[1:10], visitor_id,
        event_name, event_timestamp, event_id, id_scope
    from silver.events
    where coalesce(user_id, visitor_id) is not null
),

did as (
    select
        funnel, traffic, unit, event_day, unit_id, step_no,
        epoch_us(event_timestamp) as us,
        row_number() over (
            partition by funnel, traffic, unit, event_day, unit_id
            order by event_timestamp, event_id, id_scope
        ) as place
    from done
    join named_funnel on step = event_name
    left join robots using (event_day, visitor_id)
    join (values ('all', false), ('human', true)) as traffics(traffic, only_human)
        on robots.visitor_id is null or not only_human
),

-- In any order: step k once the first events of steps 1 to k were all there.
firsts as (
    select funnel, traffic, unit, event_day, unit_id, step_no, min(us) as us
    from did
    group by all
),

any_order as (
    select
        'any' as mode, firsts.* exclude (us),
        max(us) over up_to as us,
        count(*) over up_to as steps_done
    from firsts
    window up_to as (
        partition by funnel, traffic, unit, event_day, unit_id order by step_no
    )
),

-- In order: step k at the earliest event of it after the one taken for step k - 1.
in_order as (
    select funnel, traffic, unit, event_day, unit_id, step_no, min(place) as place
    from did
    where step_no = 1
    group by all
    union all
    select
        did.funnel, did.traffic, did.unit, did.event_day, did.unit_id, did.step_no, min(did.place)
    from in_order
    join did
        on did.funnel = in_order.funnel and did.traffic = in_order.traffic
        and did.unit = in_order.unit and did.event_day = in_order.event_day
        and did.unit_id = in_order.unit_id and did.step_no = in_order.step_no + 1
        and did.place > in_order.place
    group by all
),

-- Strict: without repeats in a row, 1, 2, ..., k stand side by side.
turns as (
    select *, row_number() over (
        partition by funnel, traffic, unit, event_day, unit_id order by place
    ) as turn
    from (
        select *, lag(step_no) over (
            partition by funnel, traffic, unit, event_day, unit_id order by place
        ) as before
        from did
    )
    where before is distinct from step_no
),

-- Turns that follow each other have the same difference of turn and step.
runs as (
    select *, row_number() over (
        partition by funnel, traffic, unit, event_day, unit_id, turn - step_no order by turn
    ) as length
    from turns
),

strict as (
    select funnel, traffic, unit, event_day, unit_id, step_no, min(us) as us
    from runs
    where length = step_no
    group by all
),

reached as (
    select mode, funnel, traffic, unit, event_day, unit_id, step_no, us
    from any_order
    where steps_done = step_no
    union all
    select 'ordered', funnel, traffic, unit, event_day, unit_id, step_no, us
    from in_order
    join did using (funnel, traffic, unit, event_day, unit_id, step_no, place)
    union all
    select 'strict', funnel, traffic, unit, event_day, unit_id, step_no, us from strict
),

timed as (
    select
        *,
        us - lag(us) over by_step as step_us,
        us - first_value(us) over by_step as total_us
    from reached
    window by_step as (
        partition by mode, funnel, traffic, unit, event_day, unit_id order by step_no
    )
),

-- A day shows all funnels for the traffic and units with an event of any of them.
counted as (
    select
        days.event_day, steps.funnel, days.traffic, days.unit, modes.mode, steps.step_no,
        steps.step,
        count(timed.unit_id) as units,
        avg(step_us) / 1000000 as mean_step_s,
        median(step_us) / 1000000 as median_step_s,
        median(total_us) filter (steps.step_no > 1) / 1000000 as median_total_s
    from (select distinct event_day, traffic, unit from did) as days
    cross join named_funnel as steps
    cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
    left join timed using (event_day, funnel, traffic, unit, mode, step_no)
    group by all
)

select
    event_day, funnel, traffic, unit, mode, step_no, step, units,
    units / nullif(lag(units) over steps_of, 0) as step_rate,
    units / nullif(first_value(units) over steps_of, 0) as overall_rate,
    mean_step_s, median_step_s, median_total_s
from counted
window steps_of as (
    partition by event_day, funnel, traffic, unit, mode order by step_no
    rows between unbounded preceding and current row
)
