-- One row per line: its canonical event, the reasons to reject it, the warnings, its home hour.
-- Reads `texts` (a line's field texts), `mapping` (a row per source) and `setting` (one row).
with timed as (
    select
        texts.*,
        mapping.*  exclude (source),
        case mapping.time_format
            when 'iso8601' then iso8601_us(event_timestamp_text)
            when 'epoch_s' then epoch_in_us(event_timestamp_number, 1000000)
            when 'epoch_ms' then epoch_in_us(event_timestamp_number, 1000)
            when 'epoch_us' then epoch_in_us(event_timestamp_number, 1)
        end as event_us,
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
        coalesce(anonymous_id, user_id, client_session_id) as visitor_id,
        ip_anonymised_of(ip_address) as ip_anonymised,
        upper(coalesce(currency, default_currency)) as currency_code,
        if(
            coalesce(item_id, item_name, item_brand, item_category, price::varchar, quantity::varchar)
                is null,
            [],
            [{
                'item_id': item_id, 'item_name': item_name, 'item_brand': item_brand,
                'item_category': item_category, 'price': price, 'quantity': quantity
            }]
        ) as items,
        price::decimal(38, 2) * coalesce(quantity, 1)::decimal(20, 0) as unlimited_value
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
            if(event_timestamp_text is null, 'missing_event_timestamp', null),
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
            if(event_us >= end_us, 'future_event', null),
            if(event_us < first_us, 'before_first_hour', null),
            if(price < 0, 'negative_price', null),
            if(quantity < 1, 'quantity_below_one', null),
            if(event_name = 'purchase' and item_id is null, 'purchase_without_product', null),
            if(event_name = 'purchase' and value is null, 'purchase_without_value', null)
        ])) as reasons,
        names_of([
            if(visitor_id is null, 'no_visitor', null),
            if(event_name not in (
                'page_view', 'session_start', 'view_item_list', 'select_item', 'view_item',
                'view_search_results', 'add_to_wishlist', 'add_to_cart', 'remove_from_cart',
                'view_cart', 'begin_checkout', 'add_shipping_info', 'add_payment_info',
                'purchase', 'refund', 'sign_up', 'login', 'experiment_viewed', 'click'
            ), 'unknown_event_name', null),
            if(has_unparsable_price, 'unparsable_price', null),
            if(has_unparsable_quantity, 'unparsable_quantity', null),
            if(not regexp_full_match(currency_code, '[A-Z]{3}'), 'currency_pattern', null)
        ]) as warnings
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
    page_referrer,
    user_agent,
    columns('^(browser_name|os_name|device_category|mkt_.*)$') as 'own_\0',
    ip_anonymised,
    items,
    value,
    currency_code as currency,
    transaction_id,
    outcome,
    experiment_id,
    variant_id,
    coalesce(price > high_value_threshold, false) as is_high_value,
    rescued_data,
    left(md5(concat_ws(
        chr(31),
        text_or_null_mark(event_name),
        text_or_null_mark(event_us),
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
