-- name: referrers
-- description: Referrers by sessions, engagement, conversion and revenue; robots left out.
-- tables: gold.dim_sessions
-- metrics: sessions, engagement_rate, conversion_rate
-- param: from = min hour
-- param: to = max hour
-- param: limit = 20

select
    coalesce(refr_source, '(unknown)') as refr_source,
    count(*) as sessions,
    1e0 * count(*) filter (where is_engaged) / count(*) as engagement_rate,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate,
    sum(revenue) as revenue
from gold.dim_sessions
where not is_bot and event_hour between $from and $to
group by coalesce(refr_source, '(unknown)')
order by sessions desc, refr_source
limit $limit
