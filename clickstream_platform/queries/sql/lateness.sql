-- name: lateness
-- description: How late lines arrive, per source: shares by hours between arrival and home hour.
-- tables: ops.lateness_hourly
-- param: from = min hour
-- param: to = max hour

select
    source,
    sum(lines)::bigint as lines,
    coalesce(sum(lines) filter (where hours_late <= 0), 0)::double / sum(lines) as on_time,
    coalesce(sum(lines) filter (where hours_late = 1), 0)::double / sum(lines) as one_hour_late,
    coalesce(sum(lines) filter (where hours_late between 2 and 24), 0)::double / sum(lines) as within_a_day,
    coalesce(sum(lines) filter (where hours_late > 24), 0)::double / sum(lines) as later,
    max(hours_late) as most_hours_late,
    max(lateness_max_s) as most_seconds_late
from ops.lateness_hourly
where home_hour between $from and $to
group by source
order by source
