select
    session_id,
    visitor_id,
    arg_max(user_id, event_sequence) filter (user_id is not null) as user_id,
    min(event_hour) as event_hour,
    min(event_timestamp) as started_at,
    max(event_timestamp) as ended_at,
    (epoch_us(max(event_timestamp)) - epoch_us(min(event_timestamp))) / 1000000.0::double
        as duration_s,
    coalesce(sum(least(within_us, 60000000)) filter (within_us is not null), 0)::bigint
        / 1000000.0::double as engaged_time_s,
    count(*) as event_count,
    count(*) filter (event_name = 'page_view') as page_views,
    count(distinct page_location) filter (event_name = 'page_view') as unique_page_views,
    count(*) filter (event_name = 'view_item') as view_items,
    count(*) filter (event_name = 'add_to_cart') as add_to_carts,
    count(*) filter (event_name = 'begin_checkout') as begin_checkouts,
    count(*) filter (is_order) as purchases,
    coalesce(sum(value) filter (is_order), 0)::decimal(22, 2) as transaction_revenue,
    count(distinct items[1].item_id) filter (event_name = 'view_item') as products_viewed,
    count(distinct items[1].item_category) filter (event_name = 'view_item') as categories_viewed,
    arg_min(event_name, event_sequence) filter (
        event_name in ('begin_checkout', 'add_shipping_info', 'add_payment_info', 'purchase')
    ) as entered_checkout_at_step,
    arg_min(client_session_id, event_sequence) filter (client_session_id is not null)
        as client_session_id,
    count(distinct client_session_id) as client_sessions,
    arg_min(page_location, event_sequence) filter (page_location is not null) as landing_page,
    arg_max(page_location, event_sequence) filter (page_location is not null) as exit_page,
    unnest(arg_min({
        'device_category': device_category, 'channel_group': channel_group,
        'mkt_source': mkt_source, 'mkt_medium': mkt_medium, 'mkt_campaign': mkt_campaign,
        'refr_source': refr_source, 'browser_name': browser_name, 'os_name': os_name
    }, event_sequence)),
    duration_s > 10 or page_views + view_items >= 2 or purchases >= 1 as is_engaged
from placed
where session_id is not null
group by session_id, visitor_id
