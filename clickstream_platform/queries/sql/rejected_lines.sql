-- name: rejected_lines
-- description: Why lines were rejected; a line with two reasons counts in both.
-- tables: silver.quarantine
-- param: from = min hour
-- param: to = max hour

select
    reason,
    source,
    count(*) as lines,
    min(event_hour) as first_hour,
    max(event_hour) as last_hour
from (
    select source, event_hour, unnest(reasons) as reason
    from silver.quarantine
    where event_hour between $from and $to
)
group by reason, source
order by lines desc, reason, source
