-- One row per hour in which a session started, kind of traffic, mode and funnel step.
with recursive did as (
    select
        place.session_id, place.event_sequence, step_no, epoch_us(events.event_timestamp) as us
    from silver.events as events
    join gold.session_of as place using (event_hour, id_scope, event_id)
    join funnel_step on step = event_name
),

-- In any order: steps 1 to k all occur; since the last of their first events.
any_order as (
    select 'any' as mode, session_id, 1 as step_no, min(us) as done_us
    from did
    where step_no = 1
    group by session_id
    union all
    select 'any', did.session_id, did.step_no, greatest(any_order.done_us, min(did.us))
    from any_order
    join did
        on did.session_id = any_order.session_id and did.step_no = any_order.step_no + 1
    group by did.session_id, did.step_no, any_order.done_us
),

-- In order: the earliest step k after the earliest step k - 1.
in_order as (
    select 'ordered' as mode, session_id, 1 as step_no, min(event_sequence) as done_at
    from did
    where step_no = 1
    group by session_id
    union all
    select 'ordered', did.session_id, did.step_no, min(event_sequence)
    from in_order
    join did
        on did.session_id = in_order.session_id
        and did.step_no = in_order.step_no + 1
        and event_sequence > done_at
    group by did.session_id, did.step_no
),

-- Strict: of the steps done, repeats in a row counted once, k stand side by side as 1, 2, …, k.
collapsed as (
    select
        session_id, step_no, us,
        row_number() over (partition by session_id order by event_sequence) as place
    from (
        select *, lag(step_no) over (
            partition by session_id order by event_sequence
        ) as before
        from did
    )
    where before is distinct from step_no
),

runs as (
    select
        session_id, step_no, us,
        row_number() over (partition by session_id, place - step_no order by place) as length
    from collapsed
),

strict as (
    select 'strict' as mode, session_id, step_no, min(us) as done_us
    from runs
    where length = step_no
    group by session_id, step_no
),

reached as (
    select mode, session_id, step_no, done_us from any_order
    union all
    select mode, in_order.session_id, in_order.step_no, did.us
    from in_order
    join did
        on did.session_id = in_order.session_id and did.event_sequence = in_order.done_at
    union all
    select mode, session_id, step_no, done_us from strict
),

timed as (
    select
        *,
        done_us - lag(done_us) over by_step as step_us,
        done_us - first_value(done_us) over by_step as total_us
    from reached
    window by_step as (partition by mode, session_id order by step_no)
),

-- Without robots: no session whose visitor is one in the hour in which it started.
humans as (
    select session_id
    from gold.fact_sessions as sessions
    where not exists (
        from gold.bot_visitors_hourly as robots
        where robots.event_hour = sessions.event_hour
            and robots.visitor_id = sessions.visitor_id and is_bot
    )
),

sessions_shown as (
    select event_hour, session_id, 'all' as traffic from gold.fact_sessions
    union all
    select event_hour, session_id, 'human' from gold.fact_sessions join humans using (session_id)
),

counted as (
    select
        sessions.event_hour,
        sessions.traffic,
        modes.mode,
        steps.step_no,
        steps.step,
        count(timed.session_id) as sessions,
        avg(step_us) / 1000000 as mean_step_s,
        median(step_us) / 1000000 as median_step_s,
        median(total_us) filter (steps.step_no > 1) / 1000000 as median_total_s
    from sessions_shown as sessions
    cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
    cross join funnel_step as steps
    left join timed
        on timed.session_id = sessions.session_id
        and timed.mode = modes.mode
        and timed.step_no = steps.step_no
    group by all
)

select
    event_hour, traffic, mode, step_no, step, sessions,
    sessions / nullif(lag(sessions) over steps_of, 0) as step_rate,
    sessions / nullif(first_value(sessions) over steps_of, 0) as overall_rate,
    mean_step_s, median_step_s, median_total_s
from counted
window steps_of as (
    partition by event_hour, traffic, mode order by step_no
    rows between unbounded preceding and current row
)
