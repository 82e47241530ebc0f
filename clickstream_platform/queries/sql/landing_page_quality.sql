-- name: landing_page_quality
-- description: Landing pages by engagement and conversion; robots left out.
-- tables: gold.dim_sessions
-- metrics: sessions, engagement_rate, conversion_rate
-- param: from = min hour
-- param: to = max hour
-- param: limit = 10

select
    landing_page,
    count(*) as sessions,
    1e0 * count(*) filter (where is_engaged) / count(*) as engagement_rate,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate,
    sum(revenue) as revenue
from gold.dim_sessions
where not is_bot and event_hour between $from and $to
group by landing_page
order by sessions desc, landing_page nulls last
limit $limit
