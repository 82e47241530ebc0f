-- name: quarantine_by_source
-- description: Where rejected lines come from: source and landing file, worst first.
-- tables: silver.quarantine
-- param: from = min hour
-- param: to = max hour
-- param: limit = 20

select
    source,
    split_part(source_file, '@', 1) as landing_file,
    count(*) as lines,
    list_sort(list_distinct(flatten(list(reasons)))) as reasons,
    min(event_hour) as first_hour,
    max(event_hour) as last_hour
from silver.quarantine
where event_hour between $from and $to
group by source, landing_file
order by lines desc, source, landing_file
limit $limit
