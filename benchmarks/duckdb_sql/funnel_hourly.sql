with did as (
    select
        session_id, event_hour, event_sequence,
        list_position(['view_item', 'add_to_cart', 'begin_checkout', 'purchase'], event_name) as no
    from placed
    where session_id is not null
),

walks as (
    select
        session_id,
        min(event_hour) as event_hour,
        coalesce(list(no order by event_sequence) filter (no > 0), [])::bigint[] as walk
    from did
    group by session_id
),

depths as (
    select
        event_hour,
        unnest([
            {'mode': 'any', 'depth': case
                when not list_contains(walk, 1) then 0
                when not list_contains(walk, 2) then 1
                when not list_contains(walk, 3) then 2
                when not list_contains(walk, 4) then 3
                else 4 end},
            {'mode': 'ordered', 'depth': list_reduce(
                walk, lambda depth, no: if(no = depth + 1, no, depth), 0::bigint)},
            {'mode': 'strict', 'depth': list_reduce(
                list_transform(walk, lambda no: no),
                lambda state, no: case
                    when no = state % 10 + 1 or no = 1
                    then greatest(state // 10, no) * 10 + no
                    when no = state % 10 then state
                    else state // 10 * 10
                end, 0::bigint) // 10}
        ], recursive := true)
    from walks
),

counted as (
    select
        event_hour, mode, step_no, step, count(*) filter (depth >= step_no) as sessions
    from depths
    cross join (values
        (1::bigint, 'view_item'), (2, 'add_to_cart'), (3, 'begin_checkout'), (4, 'purchase')
    ) as steps (step_no, step)
    group by all
)

select
    *,
    sessions / nullif(lag(sessions) over w, 0)::double as step_rate,
    sessions / nullif(first_value(sessions) over w, 0)::double as overall_rate
from counted
window w as (partition by event_hour, mode order by step_no)
