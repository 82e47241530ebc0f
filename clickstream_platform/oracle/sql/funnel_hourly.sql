-- One row per hour in which a session started, mode and funnel step.
with recursive did as (
    select place.session_id, place.event_sequence, step_no
    from silver.events as events
    join gold.session_of as place using (event_hour, id_scope, event_id)
    join funnel_step on step = event_name
),

-- In any order: steps 1 to k all occur.
any_order as (
    select 'any' as mode, session_id, 1 as step_no from did where step_no = 1 group by session_id
    union all
    select 'any', session_id, any_order.step_no + 1
    from any_order
    where (session_id, any_order.step_no + 1) in (select (session_id, step_no) from did)
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

-- Strict: "1,2,…,k" is a part of the steps done, repeats in a row written once.
collapsed as (
    select session_id, ',' || string_agg(step_no, ',' order by event_sequence) || ',' as walk
    from (
        select *, lag(step_no) over (
            partition by session_id order by event_sequence
        ) as before
        from did
    )
    where before is distinct from step_no
    group by session_id
),

strict as (
    select 'strict' as mode, session_id, step_no
    from collapsed
    cross join funnel_step
    where contains(
        walk, ',' || array_to_string(range(1, (step_no + 1)::bigint), ',') || ','
    )
),

reached as (
    select mode, session_id, step_no from any_order
    union all
    select mode, session_id, step_no from in_order
    union all
    select mode, session_id, step_no from strict
),

counted as (
    select
        sessions.event_hour,
        modes.mode,
        steps.step_no,
        steps.step,
        count(reached.session_id) as sessions
    from gold.fact_sessions as sessions
    cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
    cross join funnel_step as steps
    left join reached
        on reached.session_id = sessions.session_id
        and reached.mode = modes.mode
        and reached.step_no = steps.step_no
    group by all
)

select
    event_hour, mode, step_no, step, sessions,
    sessions / nullif(lag(sessions) over steps_of, 0) as step_rate,
    sessions / nullif(first_value(sessions) over steps_of, 0) as overall_rate
from counted
window steps_of as (
    partition by event_hour, mode order by step_no
    rows between unbounded preceding and current row
)
