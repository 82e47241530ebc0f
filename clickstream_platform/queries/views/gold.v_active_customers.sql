-- One row per session, and per order that revenue counts, with its customer: who was active when.
select customer_id, visitor_id, event_day, event_hour, is_bot
from gold.dim_sessions
union all
select
    orders.customer_id,
    orders.visitor_id,
    orders.event_day,
    orders.event_hour,
    robots.visitor_id is not null as is_bot
from gold.v_orders as orders
left join gold.robot_days as robots
    on robots.visitor_id = orders.visitor_id
    and robots.event_day = orders.event_day
where orders.is_reported and orders.customer_id is not null
