-- name: warnings
-- description: Lines rejected, kept with a warning, or repeated, by type and source; what to do.
-- tables: ops.ingestion_warnings
-- param: from = min hour
-- param: to = max hour

select
    severity,
    type,
    source,
    sum(lines)::bigint as lines,
    min(home_hour) as first_hour,
    max(home_hour) as last_hour,
    arg_max(sample_file || ':' || sample_offset, home_hour) as sample,
    arg_max(remedy, home_hour) as remedy
from ops.ingestion_warnings
where home_hour between $from and $to
group by severity, type, source
order by list_position(['error', 'warn', 'info'], severity), lines desc, type, source
