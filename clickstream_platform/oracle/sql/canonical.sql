-- One row per line: its canonical event, the reasons to reject it, the warnings, its home hour.
-- Reads `texts` (a line's field texts), `mapping` (a row per source) and `setting` (one row).
with timed as (
    select
        texts.*,
        mapping.*  exclude (source),
        case mapping.time_format
            when 'epoch_s' then epoch_in_us(event_timestamp_number, 1000000)
            when 'epoch_ms' then epoch_in_us(event_timestamp_number, 1000)
            when 'epoch_us' then epoch_in_us(event_timestamp_number, 1)
            when 'epoch_auto' then case
                when abs(event_timestamp_number) < 100000000000
                then epoch_in_us(event_timestamp_number, 1000000)
                when abs(event_timestamp_number) < 100000000000000
                then epoch_in_us(event_timestamp_number, 1000)
                else epoch_in_us(event_timestamp_number, 1)
            end
            else iso8601_us(event_timestamp_text)
        end as own_us,
        received_at_us - sent_at_us + client_timestamp_us as repaired_us,
        repairs_clock and repaired_us is not null as is_clock_repaired,
        if(repairs_clock and repaired_us between -62135596800000000 and 253402300799999999,
           repaired_us, own_us) as event_us,
        hour_start_us(ingest_hour) + (3600 + setting.max_future_skew_s) * 1000000 as end_us,
        hour_start_us(setting.first_hour) as first_us,
        setting.high_value_threshold
    from texts
    join mapping on mapping.source = texts.source
    cross join setting
),

named as (
    select
        *,
        if(has_fingerprint, md5(event_id_text), event_id_text) as event_id,
        coalesce(event_names[event_name_text], snake_case(event_name_text)) as event_name,
        if(event_us >= first_us and event_us < end_us, hour_of(event_us), ingest_hour)
            as expected_home_hour,
        coalesce(anonymous_id, user_id, client_session_id, md5(made_visitor_text)) as visitor_id,
        ip_anonymised_of(ip_address) as ip_anonymised,
        upper(coalesce(currency, default_currency)) as currency_code,
        list_filter(items, lambda item: item.price is not null) as priced,
        if(len(priced) > 0, list_sum(list_transform(
            priced,
            lambda item: item.price::decimal(38, 2) * coalesce(item.quantity, 1)::decimal(20, 0)
        )), null) as unlimited_value
    from timed
),

valued as (
    select
        *,
        if(abs(unlimited_value) < 10000000000, unlimited_value, null)::decimal(12, 2) as value
    from named
),

judged as (
    select
        *,
        if(unreadable is not null, [unreadable], names_of([
            if(event_id is null, 'missing_event_id', null),
            if(event_name is null, 'missing_event_name', null),
            if(event_timestamp_text is null and event_us is null, 'missing_event_timestamp', null),
            if(event_timestamp_text is not null and event_us is null,
               'unparsable_event_timestamp', null),
            if(list_contains(required, 'user_id') and user_id is null, 'missing_user_id', null),
            if(list_contains(required, 'anonymous_id') and anonymous_id is null,
               'missing_anonymous_id', null),
            if(list_contains(required, 'client_session_id') and client_session_id is null,
               'missing_client_session_id', null),
            if(list_contains(required, 'page_location') and page_location is null,
               'missing_page_location', null),
            if(list_contains(required, 'page_referrer') and page_referrer is null,
               'missing_page_referrer', null),
            if(list_contains(required, 'user_agent') and user_agent is null,
               'missing_user_agent', null),
            if(list_contains(required, 'ip_address') and ip_address is null,
               'missing_ip_address', null),
            if(list_contains(required, 'currency') and currency_code is null,
               'missing_currency', null),
            if(list_contains(required, 'transaction_id') and transaction_id is null,
               'missing_transaction_id', null),
            if(list_contains(required, 'outcome') and outcome is null, 'missing_outcome', null),
            if(list_contains(required, 'experiment_id') and experiment_id is null,
               'missing_experiment_id', null),
            if(list_contains(required, 'variant_id') and variant_id is null,
               'missing_variant_id', null),
            if(list_contains(required, 'page_title') and page_title is null,
               'missing_page_title', null),
            if(list_contains(required, 'geo_country') and geo_country is null,
               'missing_geo_country', null),
            if(list_contains(required, 'geo_region') and geo_region is null,
               'missing_geo_region', null),
            if(list_contains(required, 'geo_city') and geo_city is null,
               'missing_geo_city', null),
            if(list_contains(required, 'tax') and tax is null,
               'missing_tax', null),
            if(list_contains(required, 'shipping') and shipping is null,
               'missing_shipping', null),
            if(list_contains(required, 'coupon') and coupon is null,
               'missing_coupon', null),
            if(list_contains(required, 'consent_state') and consent_state is null,
               'missing_consent_state', null),
            if(list_contains(required, 'client_timestamp') and client_timestamp_us is null,
               'missing_client_timestamp', null),
            if(list_contains(required, 'sent_at') and sent_at_us is null,
               'missing_sent_at', null),
            if(list_contains(required, 'received_at') and received_at_us is null,
               'missing_received_at', null),
            if(schema_mode = 'fail' and rescued_data is not null, 'schema_drift', null),
            if(event_us >= end_us, 'future_event', null),
            if(event_us < first_us, 'before_first_hour', null),
            if(list_min(list_transform(items, lambda item: item.price)) < 0,
               'negative_price', null),
            if(list_min(list_transform(items, lambda item: item.quantity)) < 1,
               'quantity_below_one', null),
            if(event_name = 'purchase'
               and list_max(list_transform(items, lambda item: item.item_id)) is null,
               'purchase_without_product', null),
            if(event_name = 'purchase' and value is null, 'purchase_without_value', null)
        ])) as reasons,
        list_sort(list_concat(reading_warnings, names_of([
            if(visitor_id is null, 'no_visitor', null),
            if(event_name not in (
                'page_view', 'session_start', 'view_item_list', 'select_item', 'view_item',
                'view_search_results', 'add_to_wishlist', 'add_to_cart', 'remove_from_cart',
                'view_cart', 'begin_checkout', 'add_shipping_info', 'add_payment_info',
                'purchase', 'refund', 'sign_up', 'login', 'experiment_viewed', 'click'
            ), 'unknown_event_name', null),
            if(not regexp_full_match(currency_code, '[A-Z]{3}'), 'currency_pattern', null)
        ]))) as warnings
    from valued
)

select
    source,
    source_file,
    source_offset,
    ingest_hour,
    home_hour,
    expected_home_hour,
    reasons,
    detail,
    warnings,
    event_id,
    source as id_scope,
    event_name,
    make_timestamp(event_us) as event_timestamp,
    visitor_id,
    user_id,
    anonymous_id,
    client_session_id,
    page_location,
    page_title,
    page_referrer,
    user_agent,
    columns('^(browser_name|os_name|device_category|mkt_.*)$') as 'own_\0',
    ip_anonymised,
    geo_country,
    geo_region,
    geo_city,
    items,
    value,
    currency_code as currency,
    transaction_id,
    tax,
    shipping,
    coupon,
    consent_state,
    outcome,
    experiment_id,
    variant_id,
    make_timestamp(client_timestamp_us) as client_timestamp,
    make_timestamp(sent_at_us) as sent_at,
    make_timestamp(received_at_us) as received_at,
    coalesce(is_clock_repaired, false) as is_clock_repaired,
    added_fields,
    coalesce(
        list_max(list_transform(items, lambda item: item.price)) > high_value_threshold, false
    ) as is_high_value,
    rescued_data,
    left(md5(concat_ws(
        chr(31),
        text_or_null_mark(event_name),
        text_or_null_mark(if(repairs_clock and repaired_us is not null, null, event_us)),
        text_or_null_mark(user_id),
        text_or_null_mark(anonymous_id),
        text_or_null_mark(client_session_id),
        text_or_null_mark(page_location),
        text_or_null_mark(page_referrer),
        text_or_null_mark(user_agent),
        text_or_null_mark(ip_anonymised),
        array_to_string(list_transform(items, lambda item: item_text(item)), chr(29)),
        text_or_null_mark(value),
        text_or_null_mark(currency_code),
        text_or_null_mark(transaction_id),
        text_or_null_mark(outcome),
        text_or_null_mark(experiment_id),
        text_or_null_mark(variant_id),
        text_or_null_mark(page_title),
        text_or_null_mark(geo_country),
        text_or_null_mark(geo_region),
        text_or_null_mark(geo_city),
        text_or_null_mark(tax),
        text_or_null_mark(shipping),
        text_or_null_mark(coupon),
        text_or_null_mark(consent_state),
        text_or_null_mark(client_timestamp_us),
        -- What the source maps itself; concat_ws leaves out the null of those that map nothing.
        if(len(own_fields) = 0, null, array_to_string(
            list_transform(own_fields, lambda name: text_or_null_mark(map {
                'browser_name': browser_name, 'os_name': os_name,
                'device_category': device_category,
                'mkt_source': mkt_source, 'mkt_medium': mkt_medium, 'mkt_campaign': mkt_campaign,
                'mkt_term': mkt_term, 'mkt_content': mkt_content, 'mkt_clickid': mkt_clickid
            }[name])), chr(31)
        ))
    )), 16) as event_fingerprint
from judged
