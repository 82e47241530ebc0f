-- Every line: its fields as texts (a missing one is null), its time and its home hour.
-- `{fields}` are the columns, each with its text taken from the record.
with read as (
    select
        source_file, source_offset, raw, ingest_hour, line is not null as is_utf8,
        case
            when json_valid(line) and json_type(line) = 'OBJECT' then from_json(line, '{shape}')
        end as said
    from landed
),

texts as (
    select
        source_file, source_offset, raw, ingest_hour, is_utf8, said is not null as is_whole,
        {fields}
    from read
),

timed as (
    select
        * exclude (timestamp, event_timestamp),
        coalesce(timestamp, event_timestamp) as time_text,
        case
            when regexp_full_match(
                coalesce(timestamp, event_timestamp),
                '\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})? ?(Z|UTC|[+-]\d{2}:\d{2})?'
            )
            then try_cast(coalesce(timestamp, event_timestamp) as timestamptz)
        end as event_timestamp,
        try_strptime(ingest_hour, '%Y-%m-%dT%H')::timestamptz + interval 3900 seconds as latest
    from texts
)

select
    '{source}' as source,
    *,
    if(event_timestamp >= '{first_hour}:00:00Z'::timestamptz and event_timestamp < latest,
       strftime(event_timestamp, '%Y-%m-%dT%H'), ingest_hour) as home_hour
from timed
