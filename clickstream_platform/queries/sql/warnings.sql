-- name: warnings
-- description: Events that were kept although a rule warned, by rule and source.
-- tables: silver.events
-- param: from = min hour
-- param: to = max hour

select
    warning,
    source,
    count(*) as events,
    min(event_hour) as first_hour,
    max(event_hour) as last_hour
from (
    select source, event_hour, unnest(warnings) as warning
    from silver.events
    where event_hour between $from and $to
)
group by warning, source
order by events desc, warning, source
