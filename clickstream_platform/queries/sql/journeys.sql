-- name: journeys
-- description: The most frequent whole beginnings of sessions that end or are cut at 6 steps.
-- tables: gold.journey_paths
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: limit = 15

-- By whole days: those that the hours asked are in.
select
    path,
    sum(exits)::bigint as sessions,
    1e0 * sum(converted_sessions) / sum(sessions) as conversion_rate_from_here
from gold.journey_paths
where traffic = $traffic and event_day between left($from, 10) and left($to, 10)
group by path
having sum(exits) > 0
order by sum(exits) desc, path
limit $limit
