-- name: cross_device
-- description: Persons by how many devices they come from: sessions, orders and worth of each.
-- tables: gold.v_people

select
    least(visitors, 5) as devices_up_to_5,
    count(*) as persons,
    sum(sessions)::bigint as sessions,
    sum(orders)::bigint as orders,
    sum(order_value) as order_value,
    sum(orders)::double precision / count(*) as orders_per_person
from gold.v_people
group by 1
order by devices_up_to_5
