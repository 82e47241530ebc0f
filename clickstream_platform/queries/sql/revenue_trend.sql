-- name: revenue_trend
-- description: Revenue every five minutes; `is_final` once the window can hardly change.
-- tables: gold.v_revenue_5min
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    window_start,
    currency,
    sum(revenue)::decimal(22, 2) as revenue,
    sum(units)::bigint as units,
    bool_and(is_final) as is_final
from gold.v_revenue_5min
where traffic = $traffic and event_hour between $from and $to
group by window_start, currency
order by window_start, currency nulls last
