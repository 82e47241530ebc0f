-- One row per UTC day and visitor with a sign of being a robot or of fraud: those of its hours, and
-- `value_outlier` (0.3) for prices out of the ordinary; `is_bot` from a score of 0.5.
with signs as (
    select
        left(event_hour, 10) as event_day,
        visitor_id,
        unnest(bot_signals) as signal,
        bot_score as score,
        0 as extra
    from gold.bot_visitors_hourly
    union all
    select event_day, visitor_id, 'value_outlier', 0, 0.3
    from gold.price_outliers
    where visitor_id is not null
)

select
    event_day,
    visitor_id,
    array_agg(distinct signal order by signal) as signals,
    least(1, max(score) + max(extra))::double precision as score,
    least(1, max(score) + max(extra)) >= 0.5 as is_bot
from signs
group by event_day, visitor_id
