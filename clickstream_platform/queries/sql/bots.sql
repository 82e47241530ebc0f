-- name: bots
-- description: Robots by the signs that gave them away.
-- tables: gold.bot_visitors_hourly
-- param: from = min hour
-- param: to = max hour

select
    array_to_string(bot_signals, ', ') as signals,
    is_bot,
    count(distinct visitor_id) as visitors,
    sum(events)::bigint as events,
    sum(orders)::bigint as orders
from gold.bot_visitors_hourly
where event_hour between $from and $to
group by bot_signals, is_bot
order by events desc, signals, is_bot
