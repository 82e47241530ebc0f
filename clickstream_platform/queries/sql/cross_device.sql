-- name: cross_device
-- description: Persons by how many devices they come from: sessions, orders and revenue of each.
-- tables: gold.v_fact_sessions, gold.transaction_persons
-- param: traffic = all | human

with came as (
    select person_id, visitor_id, session_id, null as order_id, null as value
    from gold.v_fact_sessions
    where $traffic = 'all' or not is_bot
    union all
    select
        person_id,
        visitor_id,
        null,
        case when is_reported then order_id end,
        case when is_reported then value end
    from gold.transaction_persons
    where $traffic = 'all' or not is_bot
),

persons as (
    select
        count(distinct visitor_id) as visitors,
        count(session_id) as sessions,
        count(order_id) as orders,
        coalesce(sum(value), 0) as revenue
    from came
    where person_id is not null
    group by person_id
)

select
    least(visitors, 5) as devices_up_to_5,
    count(*) as persons,
    sum(sessions)::bigint as sessions,
    sum(orders)::bigint as orders,
    sum(revenue) as revenue,
    sum(orders)::double precision / count(*) as orders_per_person
from persons
group by 1
order by devices_up_to_5
