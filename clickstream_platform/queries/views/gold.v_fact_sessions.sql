-- gold.fact_sessions with the person behind it; `is_closed` once no further event can belong to the
-- session in time order.
select
    fact.*,
    coalesce(
        fact.ended_at + to_seconds(getvariable('session_idle_s')) < progress.newest_event_at, false
    ) as is_closed,
    coalesce(
        fact.ended_at + to_seconds(getvariable('session_idle_s')) < progress.newest_event_at, false
    ) and fact.add_to_carts > 0 and fact.purchases = 0 as cart_abandoned,
    case
        when fact.user_id is not null and not coalesce(of_user.is_blocked, false)
            then coalesce(of_user.person_id, fact.user_id)
        else coalesce(of_visitor.person_id, fact.visitor_id)
    end as person_id
from gold.fact_sessions as fact
cross join ops.progress as progress
left join gold.people as of_user
    on of_user.id_kind = 'user' and of_user.id = fact.user_id
left join gold.people as of_visitor
    on of_visitor.id_kind = 'visitor' and of_visitor.id = fact.visitor_id
