-- gold.fact_transactions with the person behind it, and with the user as the catalogue knew them
-- when they ordered.
select
    orders.*,
    users.version_no as user_version_no,
    users.segment as user_segment,
    users.country as user_country,
    users.signup_date as user_signup_date
from gold.transaction_persons as orders
left join gold.dim_users as users
    on users.user_id = orders.user_id
    and users.valid_from <= orders.ordered_at
    and (users.valid_to is null or orders.ordered_at < users.valid_to)
