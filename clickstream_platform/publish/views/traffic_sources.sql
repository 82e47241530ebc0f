-- needs: gold.dim_sessions
-- One row per UTC day, channel, source, medium, campaign and device: sessions, and their orders and
-- revenue in the reporting currency.
select
    left(event_hour, 10)::date as day,
    channel_group,
    mkt_source,
    mkt_medium,
    mkt_campaign,
    device_category,
    count(*) as sessions,
    count(distinct visitor_id) as visitors,
    avg((is_engaged)::int) as engagement_rate,
    sum(orders) as orders,
    sum(revenue) as revenue
from gold.dim_sessions
group by 1, 2, 3, 4, 5, 6
