-- needs: gold.fact_sessions
-- One row per UTC day, channel, source, medium, campaign and device.
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
    sum(purchases) as orders,
    sum(transaction_revenue) as revenue
from gold.fact_sessions
group by 1, 2, 3, 4, 5, 6
