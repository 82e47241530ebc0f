-- name: traffic_quality
-- description: Hour by hour, how much of the traffic is robots.
-- tables: gold.traffic_quality_hourly
-- param: from = min hour
-- param: to = max hour

select event_hour, events, visitors, bot_visitors, bot_events, bot_orders, bot_event_rate
from gold.traffic_quality_hourly
where event_hour between $from and $to
order by event_hour
