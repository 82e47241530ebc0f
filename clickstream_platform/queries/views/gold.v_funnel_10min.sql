-- gold.funnel_10min; `is_final` once an event came 300 s after the window's end.
select
    funnel.*,
    coalesce(
        funnel.window_end + to_seconds(getvariable('funnel_final_after_s'))
            <= progress.newest_event_at,
        false
    ) as is_final
from gold.funnel_10min as funnel
cross join ops.progress as progress
