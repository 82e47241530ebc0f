-- Users, one row per user and version: silver.users as the feeds tell (`catalogue`), and accounts
-- that no feed names, from their first event on (`events`). `is_current` is the newest version known.
with users as (
    select
        user_id, version_no, valid_from, valid_to, content_hash, segment, country, signup_date,
        'catalogue' as origin
    from silver.users
    union all
    select user_id, 1, min(event_timestamp), null, null, null, null, null, 'events'
    from gold.fact_events
    where user_id is not null and user_id not in (select user_id from silver.users)
    group by user_id
)

select users.*, users.valid_to is null as is_current
from users
