-- name: outcomes
-- description: Success and failure of each kind of event, where the tracker tells the outcome.
-- tables: gold.event_activity_hourly
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    event_name,
    sum(events)::bigint as events,
    coalesce(sum(events) filter (where lower(outcome) = 'success'), 0)::bigint as succeeded,
    coalesce(sum(events) filter (where lower(outcome) = 'failure'), 0)::bigint as failed,
    1e0 * coalesce(sum(events) filter (where lower(outcome) = 'failure'), 0) / sum(events)
        as failure_rate
from gold.event_activity_hourly
where traffic = $traffic and outcome is not null and event_hour between $from and $to
group by event_name
order by events desc, event_name
