-- gold.revenue_5min; `is_final` once an event came `finality.revenue_5min_s` after the window's end.
select
    revenue.*,
    coalesce(
        revenue.window_end + to_seconds(getvariable('revenue_final_after_s'))
            <= progress.newest_event_at,
        false
    ) as is_final
from gold.revenue_5min as revenue
cross join ops.progress as progress
