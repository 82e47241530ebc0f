-- One row per kind of traffic, basis, kind of period, cohort and later period in which someone of it came.
with visits as (
    select 'activity' as basis, customer_id, event_day::date as day, is_bot from gold.day_sessions
    union all
    select 'order', customer_id, event_day::date, is_bot
    from gold.day_orders
    where customer_id is not null
    union all
    select 'activity', customer_id, event_day::date, is_bot
    from gold.day_orders
    where customer_id is not null and is_reported
),

periods as (select unnest(['day', 'week', 'month']) as period),

seen as (
    select distinct traffic, basis, period, customer_id, date_trunc(period, day)::date as start
    from visits
    cross join periods
    cross join gold.traffics
    where not (leaves_robots_out and is_bot)
),

firsts as (
    select traffic, basis, period, customer_id, min(start) as cohort_start
    from seen
    group by all
),

sizes as (
    select traffic, basis, period, cohort_start, count(*) as cohort_size from firsts group by all
)

select
    traffic,
    basis,
    period,
    cohort_start,
    date_diff(period, cohort_start, start) as period_no,
    count(*) as customers,
    any_value(cohort_size) as cohort_size,
    count(*) / any_value(cohort_size) as retention_rate
from seen
join firsts using (traffic, basis, period, customer_id)
join sizes using (traffic, basis, period, cohort_start)
group by all
