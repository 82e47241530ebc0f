-- gold.fact_sessions; `is_closed` once no further event can belong to the session in time order.
-- (The limit is a subquery, so that it is worked out once and not for each session.)
select
    fact.*,
    coalesce(fact.ended_at < (
        select newest_event_at - to_seconds(getvariable('session_idle_s')) from ops.progress
    ), false) as is_closed,
    coalesce(fact.ended_at < (
        select newest_event_at - to_seconds(getvariable('session_idle_s')) from ops.progress
    ), false) and fact.add_to_carts > 0 and fact.purchases = 0 as cart_abandoned
from gold.fact_sessions as fact
