-- One row per visitor and account ever seen together, with why the link does not count, if so.
-- Reads `blocked_id` (id) and `ops.identity_decisions`.
with pairs as (
    select visitor_id, user_id, min(first_at) as first_at, max(last_at) as last_at
    from gold.identity_links
    group by all
),

decided as (
    select visitor_id, user_id, arg_max(action, (decided_at, action)) as action
    from ops.identity_decisions
    group by all
),

judged as (
    select
        pairs.*,
        case
            when decided.action = 'cut' then 'cut'
            when lower(trim(pairs.visitor_id, ' ')) in (select id from blocked_id)
                or lower(trim(pairs.user_id, ' ')) in (select id from blocked_id)
            then 'blocked_id'
        end as own_guard
    from pairs
    left join decided
        on decided.visitor_id = pairs.visitor_id and decided.user_id = pairs.user_id
),

crowded as (
    select visitor_id
    from judged
    cross join setting
    where own_guard is null
    group by visitor_id, setting.max_users_per_device
    having count(*) > setting.max_users_per_device
)

select
    visitor_id,
    user_id,
    first_at,
    last_at,
    coalesce(
        own_guard, if(visitor_id in (select visitor_id from crowded), 'shared_device', null)
    ) as guard
from judged
