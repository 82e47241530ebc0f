-- name: revenue_by_segment
-- description: Orders and revenue by the customer's segment and country at the time of the order.
-- tables: gold.v_fact_transactions
-- param: from = min hour
-- param: to = max hour
-- param: traffic = all | human
-- param: limit = 20

select
    user_segment,
    user_country,
    currency,
    count(*) as orders,
    sum(value) as revenue
from gold.v_fact_transactions
where event_hour between $from and $to and ($traffic = 'all' or not is_bot)
group by user_segment, user_country, currency
order by revenue desc, user_segment nulls last, user_country nulls last, currency nulls last
limit $limit
