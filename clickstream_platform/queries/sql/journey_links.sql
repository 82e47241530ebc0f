-- name: journey_links
-- description: How many sessions went from each step to the next one, by place in the session.
-- tables: gold.journey_paths
-- param: limit = 60

select
    (depth - 1) || '. ' || split_part(path, ' > ', depth::integer - 1) as from_step,
    depth || '. ' || step as to_step,
    sum(sessions)::bigint as sessions,
    sum(converted_sessions)::bigint as converted_sessions
from gold.journey_paths
where depth > 1
group by 1, 2
order by sessions desc, from_step, to_step
limit $limit
