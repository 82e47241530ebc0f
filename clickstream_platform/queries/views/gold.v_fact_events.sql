-- gold.fact_events with the user as the catalogue knew them when the event happened.
select
    events.*,
    users.version_no as user_version_no,
    users.segment as user_segment,
    users.country as user_country,
    users.signup_date as user_signup_date
from gold.fact_events as events
left join gold.dim_users as users
    on users.user_id = events.user_id
    and users.valid_from <= events.event_timestamp
    and (users.valid_to is null or events.event_timestamp < users.valid_to)
