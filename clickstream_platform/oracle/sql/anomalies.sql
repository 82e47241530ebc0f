-- One row per hour and measure far from the same hour of the 28 days before.
with last_hours as (
    select event_hour[1:10] as event_day, max(event_hour[12:13]::int) as last_no
    from gold.hourly_metrics
    group by all
),

grid as (
    select event_day, unnest(range(last_no + 1)) as hour_no from last_hours
),

filled as (
    select
        event_day,
        hour_no,
        coalesce(events, 0)::double as events,
        coalesce(orders, 0)::double as orders,
        coalesce(revenue, 0)::double as revenue,
        coalesce(sessions_started, 0) as sessions_started
    from grid
    left join gold.hourly_metrics as hours
        on hours.event_hour = event_day || 'T' || lpad(hour_no::varchar, 2, '0')
),

measured as (
    select event_day, hour_no, 'events' as kind, events as value from filled
    union all
    select event_day, hour_no, 'orders', orders from filled
    union all
    select event_day, hour_no, 'revenue', revenue from filled
    union all
    select event_day, hour_no, 'conversion_rate', orders / sessions_started
    from filled
    where sessions_started >= 30
),

compared as (
    select
        now.event_day, now.hour_no, now.kind, now.value,
        median(past.value) as expected,
        mad(past.value) as spread
    from measured as now
    join measured as past
        on past.kind = now.kind
        and past.hour_no = now.hour_no
        and now.event_day::date - past.event_day::date between 1 and 28
    group by all
    having count(*) >= 7
),

scaled as (
    select
        *,
        greatest(
            1.4826 * spread,
            case kind
                when 'conversion_rate' then greatest(0.2 * expected, 0.01)
                when 'revenue' then greatest(0.3 * expected, 1)
                else greatest(0.1 * expected, sqrt(expected), 1)
            end
        ) as scale
    from compared
)

select
    event_day,
    kind,
    make_timestamp(hour_start_us(event_day || 'T' || lpad(hour_no::varchar, 2, '0')))
        as detected_at,
    'shop' as entity,
    value,
    expected,
    (value - expected) / scale as score,
    list_filter(
        [
            kind || if(value > expected, '_high', '_low'),
            if(kind = 'events' and value = 0, 'no_events', null)
        ],
        lambda reason: reason is not null
    ) as reason_codes
from scaled
where abs(value - expected) >= 6 * scale
