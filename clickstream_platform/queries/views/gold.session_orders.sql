-- One row per session with an order that revenue counts: how many of these, and their value. An
-- order lies within the session of its visitor; of two at that very instant it is the later one's.
select
    session_id,
    count(*) as orders,
    sum(value)::decimal(22, 2) as revenue
from (
    select distinct on (orders.order_id) sessions.session_id, orders.value
    from gold.all_orders as orders
    join gold.fact_sessions as sessions
        on sessions.visitor_id = orders.visitor_id
        and sessions.purchases > 0
        and orders.ordered_at between sessions.started_at and sessions.ended_at
    where coalesce(orders.currency = getvariable('reporting_currency'), true)
    order by orders.order_id, sessions.started_at desc, sessions.session_id
) as bought
group by session_id
