-- Everything out of the ordinary in one list: hours of the shop, prices, and robots. An hour is
-- called low only once it is over: until then more may come.
select
    found.event_day,
    found.kind,
    found.detected_at,
    found.entity,
    found.score,
    found.reason_codes,
    left(replace(cast(found.detected_at at time zone 'UTC' as text), ' ', 'T'), 13) as event_hour
from (
    select anomalies.event_day, anomalies.kind, anomalies.detected_at, anomalies.entity,
        anomalies.score, anomalies.reason_codes
    from gold.anomalies as anomalies
    cross join ops.progress as progress
    where anomalies.score > 0
        or anomalies.detected_at + interval '1 hour' <= progress.newest_event_at
    union all
    select event_day, 'price', detected_at, item_id, score, array['price_high']
    from gold.price_outliers
    union all
    select
        left(event_hour, 10),
        'bot',
        cast(replace(event_hour, 'T', ' ') || ':00:00+00' as timestamptz),
        visitor_id,
        bot_score,
        bot_signals
    from gold.bot_visitors_hourly
    where is_bot
) as found
