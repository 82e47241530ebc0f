-- One row per hour and measure far from the same hour of the week in the 8 weeks before, or while
-- there are fewer than 4 of these, from the same hour of the 28 days before.
with grid as (
    select event_day, unnest(range(24)) as hour_no
    from (
        select distinct event_hour[1:10] as event_day from gold.hourly_metrics where traffic = 'all'
    ) as days
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
        and hours.traffic = 'all'
),

measured as (
    select event_day, hour_no, 'events' as kind, events as value, sessions_started as unit
    from filled
    union all
    select event_day, hour_no, 'orders', orders, orders from filled
    union all
    select event_day, hour_no, 'revenue', revenue, orders from filled
    union all
    select event_day, hour_no, 'conversion_rate', orders / sessions_started, sessions_started
    from filled
    where sessions_started >= 30
),

pairs as (
    select
        now.*,
        past.value as past_value,
        past.unit as past_unit,
        isodow(now.event_day::date) = isodow(past.event_day::date) as is_of_weekday,
        now.event_day::date - past.event_day::date <= 28 as is_recent
    from measured as now
    join measured as past
        on past.kind = now.kind
        and past.hour_no = now.hour_no
        and now.event_day::date - past.event_day::date between 1 and 56
),

weighed as (
    select *, count(*) filter (is_of_weekday) over (partition by event_day, hour_no, kind) as weeks
    from pairs
),

baseline as (
    select * from weighed where if(weeks >= 4, is_of_weekday, is_recent)
),

expectations as (
    select
        event_day, hour_no, kind,
        median(past_value) as expected,
        sum(past_value) as past_sum,
        sum(past_unit) as past_units
    from baseline
    group by event_day, hour_no, kind, weeks
    having weeks >= 4 or count(*) >= 7
),

-- Counts and sums by their roots, rates as they are.
distances as (
    select
        baseline.event_day, baseline.hour_no, baseline.kind, baseline.value, baseline.unit,
        expected, past_sum, past_units,
        if(baseline.kind = 'conversion_rate', past_value - expected, sqrt(past_value) - sqrt(expected))
            as distance
    from baseline
    join expectations using (event_day, hour_no, kind)
),

spreads as (
    select
        event_day, hour_no, kind, value, unit, expected, past_sum, past_units,
        median(abs(distance)) as spread
    from distances
    group by all
),

scaled as (
    select
        *,
        if(kind = 'conversion_rate', value - expected, sqrt(value) - sqrt(expected)) as distance,
        greatest(
            1.4826 * spread,
            case
                when kind = 'conversion_rate'
                then greatest(0.15 * expected, sqrt(greatest(expected, 1 / unit) / unit), 0.002)
                else greatest(
                    0.05 * sqrt(expected),
                    0.5 * sqrt(
                        case kind when 'events' then 1.2 when 'revenue' then 2.5 else 1.0 end
                        * (past_sum + value) / greatest(past_units + unit, 1)
                    ),
                    0.5
                )
            end
        ) as scale
    from spreads
)

select
    event_day,
    kind,
    make_timestamp(hour_start_us(event_day || 'T' || lpad(hour_no::varchar, 2, '0')))
        as detected_at,
    'shop' as entity,
    value,
    expected,
    distance / scale as score,
    list_filter(
        [
            kind || if(value > expected, '_high', '_low'),
            if(kind = 'events' and value = 0, 'no_events', null)
        ],
        lambda reason: reason is not null
    ) as reason_codes
from scaled
where abs(distance / scale) >= 6
