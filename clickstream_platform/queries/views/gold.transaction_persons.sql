-- gold.v_orders with the person behind each order; `is_bot` if its visitor was a robot that day.
select
    orders.*,
    case
        when orders.user_id is not null and not coalesce(of_user.is_blocked, false)
            then coalesce(of_user.person_id, orders.user_id)
        else coalesce(of_visitor.person_id, orders.visitor_id)
    end as person_id,
    robots.visitor_id is not null as is_bot
from gold.v_orders as orders
left join gold.people as of_user
    on of_user.id_kind = 'user' and of_user.id = orders.user_id
left join gold.people as of_visitor
    on of_visitor.id_kind = 'visitor' and of_visitor.id = orders.visitor_id
left join gold.robot_days as robots
    on robots.visitor_id = orders.visitor_id
    and robots.event_day = left(orders.event_hour, 10)
