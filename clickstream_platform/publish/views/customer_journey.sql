-- needs: gold.dim_sessions
-- One row per UTC day, landing and exit page: sessions, depth, and orders in the reporting currency.
select
    left(event_hour, 10)::date as day,
    landing_page,
    exit_page,
    count(*) as sessions,
    avg(event_count) as events_per_session,
    avg(duration_s) as average_duration_s,
    sum(orders) as orders
from gold.dim_sessions
group by 1, 2, 3
