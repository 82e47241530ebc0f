-- Accepted events with their session.
select
    events.event_id,
    events.id_scope,
    event_name,
    event_timestamp,
    events.event_hour,
    event_date,
    hour_of_day,
    is_weekend,
    visitor_id,
    user_id,
    client_session_id,
    session_id,
    event_sequence,
    page_location,
    page_referrer,
    items,
    value,
    currency,
    transaction_id,
    outcome,
    experiment_id,
    variant_id,
    is_high_value,
    device_category,
    is_declared_bot,
    channel_group,
    mkt_source,
    mkt_medium,
    mkt_campaign,
    refr_source,
    source
from silver.events as events
left join gold.session_of as place
    on place.event_hour = events.event_hour
    and place.id_scope = events.id_scope
    and place.event_id = events.event_id
