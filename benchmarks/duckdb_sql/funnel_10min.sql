with units as (
    select
        event_hour, time_bucket(interval 10 minutes, event_timestamp) as window_start,
        list(distinct event_name) as names
    from placed
    where visitor_id is not null
    group by event_hour, window_start, visitor_id
),

counted as (
    select
        event_hour, window_start, step_no, step,
        count(*) filter (list_contains(names, step)) as sessions_at_step,
        count(*) filter (list_has_all(names, so_far)) as sessions_through_step
    from units
    cross join (values
        (1::bigint, 'view_item', ['view_item']),
        (2, 'add_to_cart', ['view_item', 'add_to_cart']),
        (3, 'begin_checkout', ['view_item', 'add_to_cart', 'begin_checkout']),
        (4, 'purchase', ['view_item', 'add_to_cart', 'begin_checkout', 'purchase'])
    ) as steps (step_no, step, so_far)
    group by all
)

select
    *,
    window_start + interval 10 minutes as window_end,
    sessions_through_step / nullif(lag(sessions_through_step) over w, 0)::double as step_rate,
    sessions_through_step / nullif(first_value(sessions_through_step) over w, 0)::double
        as overall_rate
from counted
window w as (partition by window_start order by step_no)
