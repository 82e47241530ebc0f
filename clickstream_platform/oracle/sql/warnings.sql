-- ops/ingestion_warnings: the lines under each reason, each warning, and the repeated ones.
with typed as (
    select event_hour, source, source_file, source_offset,
        unnest(reasons) as type, 'error' as severity
    from silver.quarantine_counted
    union all
    select event_hour, source, source_file, source_offset, unnest(warnings), 'warn'
    from silver.events_counted
    union all
    select event_hour, source, source_file, source_offset, 'duplicate', 'info'
    from silver.duplicates_counted
),
counted as (
    select
        event_hour as home_hour, source, type, severity,
        count(*) as "lines",
        min({'file': source_file, 'line': source_offset}) as sample
    from typed
    group by event_hour, source, type, severity
)
select
    home_hour, source, type, severity, "lines",
    sample.file as sample_file,
    sample.line as sample_offset
from counted
