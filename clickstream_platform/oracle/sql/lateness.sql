-- ops/lateness_hourly: whole seconds from the end of the home hour to the receipt, by nearest rank.
with arrivals as (
    select
        *,
        strptime(home_hour, '%Y-%m-%dT%H') as home_start,
        strptime(ingest_hour, '%Y-%m-%dT%H') as ingest_start
    from bronze.arrivals
),
timed as (
    select
        *,
        greatest((epoch_us(enqueued_at) - epoch_us(home_start) - 3600000000) // 1000000, 0) as late_s
    from arrivals
),
ordered as (
    select
        ingest_hour, home_hour, source,
        count(*) as "lines",
        date_diff('hour', any_value(home_start), any_value(ingest_start)) as hours_late,
        list_sort(list(late_s) filter (where enqueued_at is not null)) as sorted_s
    from timed
    group by ingest_hour, home_hour, source
)
select
    ingest_hour, home_hour, source, "lines",
    hours_late::bigint as hours_late,
    sorted_s[(len(sorted_s) * 50 + 99) // 100]::bigint as lateness_p50_s,
    sorted_s[(len(sorted_s) * 95 + 99) // 100]::bigint as lateness_p95_s,
    sorted_s[len(sorted_s)]::bigint as lateness_max_s
from ordered
