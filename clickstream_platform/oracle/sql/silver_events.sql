-- One row per accepted event.
select
    event_id,
    id_scope,
    event_fingerprint,
    event_name,
    event_timestamp,
    home_hour as event_hour,
    event_timestamp::date as event_date,
    hour(event_timestamp)::integer as hour_of_day,
    isodow(event_timestamp) >= 6 as is_weekend,
    visitor_id,
    user_id,
    anonymous_id,
    client_session_id,
    judged.page_location,
    page_title,
    judged.page_referrer,
    judged.user_agent,
    ip_anonymised,
    geo_country,
    geo_region,
    geo_city,
    items,
    value,
    currency,
    transaction_id,
    tax,
    shipping,
    coupon,
    consent_state,
    outcome,
    experiment_id,
    variant_id,
    client_timestamp,
    sent_at,
    received_at,
    added_fields,
    is_high_value,
    agent.browser_name,
    agent.os_name,
    agent.device_category,
    agent.is_declared_bot,
    arrival.page_domain,
    arrival.page_path,
    arrival.mkt_source,
    arrival.mkt_medium,
    arrival.mkt_campaign,
    arrival.mkt_term,
    arrival.mkt_content,
    arrival.mkt_clickid,
    arrival.mkt_network,
    arrival.refr_medium,
    arrival.refr_source,
    arrival.channel_group,
    1::integer as enrichment_version,
    warnings,
    reused_id_lines,
    rescued_data,
    source,
    source_file,
    source_offset,
    ingest_hour
from judged
left join agent
    on agent.user_agent is not distinct from judged.user_agent
    and agent.own_browser_name is not distinct from judged.own_browser_name
    and agent.own_os_name is not distinct from judged.own_os_name
    and agent.own_device_category is not distinct from judged.own_device_category
left join arrival
    on arrival.page_location is not distinct from judged.page_location
    and arrival.page_referrer is not distinct from judged.page_referrer
    and arrival.own_mkt_source is not distinct from judged.own_mkt_source
    and arrival.own_mkt_medium is not distinct from judged.own_mkt_medium
    and arrival.own_mkt_campaign is not distinct from judged.own_mkt_campaign
    and arrival.own_mkt_term is not distinct from judged.own_mkt_term
    and arrival.own_mkt_content is not distinct from judged.own_mkt_content
    and arrival.own_mkt_clickid is not distinct from judged.own_mkt_clickid
where verdict = 'accepted'
