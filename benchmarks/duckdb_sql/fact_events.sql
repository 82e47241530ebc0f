select
    event_id, id_scope, event_name, event_timestamp, event_hour, event_date, hour_of_day,
    is_weekend, visitor_id, user_id, client_session_id, session_id, event_sequence, page_location,
    page_referrer, items, value, currency, transaction_id, experiment_id, variant_id,
    is_high_value, device_category, is_declared_bot, channel_group, mkt_source, mkt_medium,
    mkt_campaign, refr_source
from placed
