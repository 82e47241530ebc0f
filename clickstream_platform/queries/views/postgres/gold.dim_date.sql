-- As ../gold.dim_date.sql: PostgreSQL has other functions for the calendar.
select
    to_char(day, 'YYYY-MM-DD') as event_day,
    day::date as event_date,
    extract(year from day)::bigint as year,
    extract(quarter from day)::bigint as quarter,
    extract(month from day)::bigint as month,
    trim(to_char(day, 'Month')) as month_name,
    date_trunc('week', day)::date as week_start,
    extract(week from day)::bigint as iso_week,
    extract(isodow from day)::bigint as iso_weekday,
    trim(to_char(day, 'Day')) as weekday_name,
    extract(isodow from day) >= 6 as is_weekend,
    extract(day from day)::bigint as day_of_month,
    extract(doy from day)::bigint as day_of_year
from generate_series(timestamp '2015-01-01', timestamp '2035-12-31', interval '1 day') as days(day)
