-- gold.session_states with the customer, the day, whether the visitor was a robot that day, and the
-- orders and revenue of the session as the metrics count them (`purchases` counts all currencies).
select
    sessions.*,
    coalesce(sessions.user_id, sessions.visitor_id) as customer_id,
    left(sessions.event_hour, 10) as event_day,
    robots.visitor_id is not null as is_bot,
    coalesce(bought.orders, 0) as orders,
    coalesce(bought.revenue, 0)::decimal(22, 2) as revenue
from gold.session_states as sessions
left join gold.robot_days as robots
    on robots.visitor_id = sessions.visitor_id
    and robots.event_day = left(sessions.event_hour, 10)
left join gold.session_orders as bought on bought.session_id = sessions.session_id
