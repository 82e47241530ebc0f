-- gold.fact_sessions; `is_closed` once no further event can belong to the session in time order.
select
    fact.*,
    coalesce(
        fact.ended_at + to_seconds(getvariable('session_idle_s')) < progress.newest_event_at, false
    ) as is_closed,
    coalesce(
        fact.ended_at + to_seconds(getvariable('session_idle_s')) < progress.newest_event_at, false
    ) and fact.add_to_carts > 0 and fact.purchases = 0 as cart_abandoned
from gold.fact_sessions as fact
cross join ops.progress as progress
