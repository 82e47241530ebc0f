-- name: landing_pages
-- description: Where sessions begin, and how well they go from there.
-- tables: gold.dim_sessions
-- metrics: sessions, bounce_rate, conversion_rate
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: limit = 20

select
    landing_page,
    count(*) as sessions,
    1e0 * count(*) filter (where not is_engaged) / count(*) as bounce_rate,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate,
    sum(orders)::bigint as orders,
    avg(duration_s) as average_duration_s
from gold.dim_sessions
where event_hour between $from and $to and ($traffic = 'all' or not is_bot)
group by landing_page
order by sessions desc, landing_page nulls last
limit $limit
