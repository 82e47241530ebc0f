-- One row per day, A/B test, arm and visitor that saw it.
select
    event_hour[1:10] as event_day,
    experiment_id,
    variant_id,
    visitor_id,
    min(event_timestamp) as first_exposed_at,
    (event_day, visitor_id) in (select (event_day, visitor_id) from gold.day_robots) as is_bot
from silver.events
where experiment_id is not null and variant_id is not null and visitor_id is not null
group by all
