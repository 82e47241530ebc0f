-- name: traffic
-- description: Sessions by one dimension (device, browser, referrer, channel ...), with what robots add.
-- tables: gold.traffic_daily
-- metrics: sessions, engagement_rate, conversion_rate, cart_abandonment_rate
-- param: dimension = channel_group | mkt_source | mkt_medium | mkt_campaign | refr_source | device_category | browser_name | os_name | landing_page
-- param: limit = 20

select
    value,
    coalesce(sum(sessions) filter (where traffic = 'human'), 0)::bigint as sessions,
    (sum(sessions) filter (where traffic = 'all')
        - coalesce(sum(sessions) filter (where traffic = 'human'), 0))::bigint as bot_sessions,
    1e0 * sum(engaged_sessions) filter (where traffic = 'human')
        / nullif(sum(sessions) filter (where traffic = 'human'), 0) as engagement_rate,
    1e0 * sum(converted_sessions) filter (where traffic = 'human')
        / nullif(sum(sessions) filter (where traffic = 'human'), 0) as conversion_rate,
    1e0 * sum(abandoned_carts) filter (where traffic = 'human')
        / nullif(sum(cart_sessions) filter (where traffic = 'human'), 0) as cart_abandonment_rate,
    coalesce(sum(revenue) filter (where traffic = 'human'), 0) as revenue
from gold.traffic_daily
where dimension = $dimension
group by value
order by sessions desc, value
limit $limit
