-- One row per UTC hour of the day.
select
    hour::integer as hour_of_day,
    lpad(hour::varchar, 2, '0') || ':00' as hour_label,
    case
        when hour < 6 then 'night'
        when hour < 12 then 'morning'
        when hour < 18 then 'afternoon'
        else 'evening'
    end as day_part
from generate_series(0, 23) as hours(hour)
