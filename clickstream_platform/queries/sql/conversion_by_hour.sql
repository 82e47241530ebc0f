-- name: conversion_by_hour
-- description: Of the sessions that began in the hour: how many put into the cart, and ordered.
-- tables: gold.dim_sessions
-- metrics: sessions, conversion_rate
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human

select
    event_hour,
    count(*) as sessions,
    count(*) filter (where add_to_carts > 0) as sessions_with_cart,
    count(*) filter (where purchases > 0) as sessions_with_order,
    1e0 * count(*) filter (where add_to_carts > 0) / count(*) as cart_rate,
    1e0 * count(*) filter (where purchases > 0) / count(*) as conversion_rate
from gold.dim_sessions
where event_hour between $from and $to and ($traffic = 'all' or not is_bot)
group by event_hour
order by event_hour
