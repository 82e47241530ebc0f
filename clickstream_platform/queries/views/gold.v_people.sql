-- One row per person that comes in sessions or orders: its ids, what it did, and its orders in the
-- reporting currency.
select
    came.person_id,
    coalesce(max(ids.person_ids), 1) as ids,
    count(distinct came.visitor_id) as visitors,
    count(distinct came.user_id) as users,
    count(came.session_id) as sessions,
    count(came.order_id) as orders,
    coalesce(sum(came.value), 0) as order_value,
    min(came.first_at) as first_at,
    max(came.last_at) as last_at
from (
    select person_id, visitor_id, user_id, session_id, null as order_id, null as value,
        started_at as first_at, ended_at as last_at
    from gold.v_fact_sessions
    union all
    select
        person_id,
        visitor_id,
        user_id,
        null,
        case when is_reported then order_id end,
        case when is_reported then value end,
        ordered_at,
        ordered_at
    from gold.transaction_persons
) as came
left join gold.people as ids on ids.id_kind = 'user' and ids.id = came.person_id
where came.person_id is not null
group by came.person_id
