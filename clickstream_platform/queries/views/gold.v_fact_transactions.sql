-- gold.fact_transactions with the person behind it, and with the user as the catalogue knew them
-- when they ordered.
select
    orders.*,
    case
        when orders.user_id is not null and not coalesce(of_user.is_blocked, false)
            then coalesce(of_user.person_id, orders.user_id)
        else coalesce(of_visitor.person_id, orders.visitor_id)
    end as person_id,
    users.version_no as user_version_no,
    users.segment as user_segment,
    users.country as user_country,
    users.signup_date as user_signup_date
from gold.fact_transactions as orders
left join gold.people as of_user
    on of_user.id_kind = 'user' and of_user.id = orders.user_id
left join gold.people as of_visitor
    on of_visitor.id_kind = 'visitor' and of_visitor.id = orders.visitor_id
left join gold.dim_users as users
    on users.user_id = orders.user_id
    and users.valid_from <= orders.ordered_at
    and (users.valid_to is null or orders.ordered_at < users.valid_to)
