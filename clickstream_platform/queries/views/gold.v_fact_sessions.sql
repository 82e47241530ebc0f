-- gold.dim_sessions with the person behind each session. (Ask dim_sessions when nobody's person
-- matters: finding it takes as long as counting the sessions.)
select
    fact.*,
    case
        when fact.user_id is not null and not coalesce(of_user.is_blocked, false)
            then coalesce(of_user.person_id, fact.user_id)
        else coalesce(of_visitor.person_id, fact.visitor_id)
    end as person_id
from gold.dim_sessions as fact
left join gold.people as of_user
    on of_user.id_kind = 'user' and of_user.id = fact.user_id
left join gold.people as of_visitor
    on of_visitor.id_kind = 'visitor' and of_visitor.id = fact.visitor_id
