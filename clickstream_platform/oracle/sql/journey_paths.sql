-- One row per day, kind of traffic and path that a session of the day began with, up to 6 steps.
with recursive walked as (
    select
        place.session_id,
        event_name,
        place.event_sequence,
        lag(event_name) over (
            partition by place.session_id order by place.event_sequence
        ) as before
    from silver.events as events
    join gold.session_of as place using (event_hour, id_scope, event_id)
),

steps as (
    select
        session_id,
        event_name as step,
        row_number() over (partition by session_id order by event_sequence) as depth
    from walked
    where before is distinct from event_name
),

paths as (
    select session_id, step as path, step, depth from steps where depth = 1
    union all
    select paths.session_id, paths.path || ' > ' || steps.step, steps.step, steps.depth
    from paths
    join steps on steps.session_id = paths.session_id and steps.depth = paths.depth + 1
    where steps.depth <= 6
)

select
    event_day,
    traffic,
    path,
    depth,
    step,
    count(*) as sessions,
    count(*) filter (depth = deepest) as exits,
    count(*) filter (purchases > 0) as converted_sessions
from (select *, max(depth) over (partition by session_id) as deepest from paths)
join gold.day_sessions using (session_id)
cross join gold.traffics
where not (leaves_robots_out and is_bot)
group by all
