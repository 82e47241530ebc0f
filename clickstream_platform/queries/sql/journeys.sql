-- name: journeys
-- description: The most frequent whole beginnings of days' sessions that end or are cut at 6 steps.
-- tables: gold.journey_paths
-- param: from = min day
-- param: to = max day
-- param: traffic = all | human
-- param: limit = 15

select
    path,
    sum(exits)::bigint as sessions,
    1e0 * sum(converted_sessions) / sum(sessions) as conversion_rate_from_here
from gold.journey_paths
where traffic = $traffic and event_day between $from and $to
group by path
having sum(exits) > 0
order by sum(exits) desc, path
limit $limit
