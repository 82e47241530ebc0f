-- name: lateness
-- description: How late lines arrive, per source: shares by hours between arrival and home hour.
-- tables: ops.lateness_hourly
-- param: from = min hour
-- param: to = max hour

select
    source,
    sum(lines)::bigint as lines,
    (sum(lines) filter (where hours_late <= 0) / sum(lines))::double as on_time,
    (sum(lines) filter (where hours_late = 1) / sum(lines))::double as one_hour_late,
    (sum(lines) filter (where hours_late between 2 and 24) / sum(lines))::double as within_a_day,
    (sum(lines) filter (where hours_late > 24) / sum(lines))::double as later,
    max(hours_late) as most_hours_late,
    max(lateness_max_s) as most_seconds_late
from ops.lateness_hourly
where home_hour between $from and $to
group by source
order by source
