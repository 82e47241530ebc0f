-- Everything out of the ordinary in one list: hours of the shop, prices, and robots.
select event_day, kind, detected_at, entity, score, reason_codes
from gold.anomalies
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
