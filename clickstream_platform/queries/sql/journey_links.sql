-- name: journey_links
-- description: How many of the days' sessions went from each step to the next, by place in the session.
-- tables: gold.journey_paths
-- param: from = min day
-- param: to = max day
-- param: traffic = all | human
-- param: limit = 60

select
    (depth - 1) || '. ' || split_part(path, ' > ', depth::integer - 1) as from_step,
    depth || '. ' || step as to_step,
    sum(sessions)::bigint as sessions,
    sum(converted_sessions)::bigint as converted_sessions
from gold.journey_paths
where traffic = $traffic and depth > 1
    and event_day between $from and $to
group by 1, 2
order by sessions desc, from_step, to_step
limit $limit
