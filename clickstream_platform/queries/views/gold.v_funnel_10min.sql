-- gold.funnel_10min, all units, modes and kinds of traffic: a question names one of each, or counts
-- visits several times over. `is_final` once an event came `finality.funnel_10min_s` after its end.
select
    funnel.*,
    coalesce(
        funnel.window_end + to_seconds(getvariable('funnel_final_after_s'))
            <= progress.newest_event_at,
        false
    ) as is_final
from gold.funnel_10min as funnel
cross join ops.progress as progress
