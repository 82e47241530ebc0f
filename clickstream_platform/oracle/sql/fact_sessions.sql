-- One row per session, in the hour of its first event; orders placed in it by their first purchase.
with events as (
    select events.*, place.session_id, place.event_sequence, orders.order_id, orders.value as order_value
    from silver.events as events
    join gold.session_of as place
        on place.event_hour = events.event_hour
        and place.id_scope = events.id_scope
        and place.event_id = events.event_id
    left join gold.fact_transactions as orders
        on orders.event_hour = events.event_hour
        and orders.id_scope = events.id_scope
        and orders.event_id = events.event_id
),

viewed as (
    select
        session_id,
        count(distinct item.item_id) as products_viewed,
        count(distinct item.item_category) as categories_viewed
    from (
        select session_id, unnest(items) as item from events where event_name = 'view_item'
    )
    group by session_id
),

-- Time spent: from each event to the next, at most a minute.
gaps as (
    select
        session_id,
        epoch_us(event_timestamp) - lag(epoch_us(event_timestamp)) over (
            partition by session_id order by event_sequence
        ) as gap_us
    from events
    where session_id is not null
),

engaged as (
    select session_id, sum(least(gap_us, 60000000))::bigint as engaged_us
    from gaps
    where gap_us is not null
    group by session_id
),

sessions as (
    select
        session_id,
        any_value(visitor_id) as visitor_id,
        arg_max(user_id, event_sequence) filter (user_id is not null) as user_id,
        min(event_hour) as event_hour,
        min(event_timestamp) as started_at,
        max(event_timestamp) as ended_at,
        (epoch_us(max(event_timestamp)) - epoch_us(min(event_timestamp))) / 1000000.0 as duration_s,
        count(*) as event_count,
        count(*) filter (event_name = 'page_view') as page_views,
        count(distinct page_location) filter (event_name = 'page_view') as unique_page_views,
        count(*) filter (event_name = 'view_item') as view_items,
        count(*) filter (event_name = 'add_to_cart') as add_to_carts,
        count(*) filter (event_name = 'begin_checkout') as begin_checkouts,
        count(order_id) as purchases,
        coalesce(sum(order_value), 0)::decimal(22, 2) as transaction_revenue,
        arg_min(page_location, event_sequence) filter (page_location is not null) as landing_page,
        arg_max(page_location, event_sequence) filter (page_location is not null) as exit_page,
        arg_min(event_name, event_sequence) filter (
            event_name in ('begin_checkout', 'add_shipping_info', 'add_payment_info', 'purchase')
        ) as entered_checkout_at_step,
        arg_min(client_session_id, event_sequence) filter (
            client_session_id is not null
        ) as client_session_id,
        count(distinct client_session_id) as client_sessions,
        arg_min({
            'device_category': device_category, 'channel_group': channel_group,
            'mkt_source': mkt_source, 'mkt_medium': mkt_medium, 'mkt_campaign': mkt_campaign,
            'refr_source': refr_source, 'browser_name': browser_name, 'os_name': os_name
        }, event_sequence) as first_event
    from events
    group by session_id
)

select
    sessions.* exclude (landing_page, exit_page, first_event),
    unnest(first_event),
    coalesce(products_viewed, 0) as products_viewed,
    coalesce(categories_viewed, 0) as categories_viewed,
    coalesce(engaged_us, 0) / 1000000.0 as engaged_time_s,
    landing_page,
    exit_page,
    duration_s > 10 or page_views + view_items >= 2 or purchases >= 1 as is_engaged
from sessions
left join viewed on viewed.session_id = sessions.session_id
left join engaged on engaged.session_id = sessions.session_id
