-- One row per UTC day of the years 2015 to 2035.
select
    strftime(day, '%Y-%m-%d') as event_day,
    day::date as event_date,
    year(day) as year,
    quarter(day) as quarter,
    month(day) as month,
    strftime(day, '%B') as month_name,
    date_trunc('week', day)::date as week_start,
    week(day) as iso_week,
    isodow(day) as iso_weekday,
    strftime(day, '%A') as weekday_name,
    isodow(day) >= 6 as is_weekend,
    dayofmonth(day) as day_of_month,
    dayofyear(day) as day_of_year
from generate_series(timestamp '2015-01-01', timestamp '2035-12-31', interval 1 day) as days(day)
