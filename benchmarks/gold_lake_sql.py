"""The SQL of `gold_lake`: a day's events, the tables made of them, and the tables over all time.

Variables: `first_day`, `day` (from 0), `per_hour` (sessions), `visitors`.
"""

SETUP = """
create macro hour_of(moment) as strftime(moment, '%Y-%m-%dT%H');
create macro day_key() as strftime(
    getvariable('first_day') + to_days(getvariable('day')::integer), '%Y-%m-%d'
);
create table steps as from (
    values (1, 'view_item'), (2, 'add_to_cart'), (3, 'begin_checkout'), (4, 'purchase')
) as steps(step_no, step);
create table orders_of_all (visitor_no bigint, value double, ordered_at timestamptz);
create table sessions_of_all (visitor_no bigint, started_at timestamptz, is_engaged boolean);
"""

# Sessions lie within their hour: 9 events, a fourth with a cart, 3 % with an order.
EVENTS = """
create or replace table s as
select
    n as session_no,
    (hash(n) % getvariable('visitors'))::bigint as visitor_no,
    getvariable('first_day') + to_days(getvariable('day')::integer)
        + to_hours((n // getvariable('per_hour'))::bigint % 24)
        + to_seconds((hash(n, 1) % 3400)::bigint) as started_at,
    hash(n, 2) % 100 as luck,
    ['mobile', 'desktop', 'tablet'][1 + (hash(n, 3) % 3)::integer] as device_category,
    ['Direct', 'Organic Search', 'Paid Search', 'Email', 'Referral', 'Organic Social']
        [1 + (hash(n, 4) % 6)::integer] as channel_group,
    '/p/' || (hash(n, 5) % 300) as landing_page
from range(
    getvariable('day') * 24 * getvariable('per_hour'),
    (getvariable('day') + 1) * 24 * getvariable('per_hour')
) as sessions(n);

create or replace table e as
select
    s.*,
    hour_of(started_at) as event_hour,
    step as event_sequence,
    started_at + to_seconds(20 * step) as event_timestamp,
    case
        when step = 9 and luck < 3 then 'purchase'
        when step = 8 and luck < 8 then 'begin_checkout'
        when step = 7 and luck < 25 then 'add_to_cart'
        when step in (3, 4, 5) then 'view_item'
        else 'page_view'
    end as event_name,
    'p' || floor(2000 * pow((hash(n, step, 6) % 10000) / 10000, 3))::integer as product,
    (1 + hash(product) % 20000)::decimal(12, 2) / 100 as price
from (select s.*, s.session_no as n from s) as s, range(1, 10) as steps(step);

create or replace table o as
select *, (price * 2)::decimal(12, 2) as value, 'o' || session_no as order_id
from e where event_name = 'purchase';
create or replace view e_of as
select e.*, traffic from e, (values ('all'), ('human')) as traffics(traffic)
where traffic = 'all' or session_no % 50 <> 0;
create or replace view o_of as
select o.*, traffic from o, (values ('all'), ('human')) as traffics(traffic)
where traffic = 'all' or session_no % 50 <> 0;
insert into orders_of_all select visitor_no, value, event_timestamp from o;
insert into sessions_of_all select visitor_no, started_at, luck < 60 from s;
"""
_ITEM = """[{'item_id': product, 'item_name': null, 'item_brand': null, 'item_variant': null,
    'item_category': 'c' || (hash(product) % 8), 'price': price, 'quantity': QUANTITY}]"""

BY_DAY = {
    "gold/fact_events": """
        select 'e' || session_no || '-' || event_sequence as event_id, 'shop' as id_scope,
            event_name, event_timestamp, event_hour, event_timestamp::date as event_date,
            'v' || visitor_no as visitor_id, 's' || session_no as session_id, event_sequence,
            if(visitor_no % 3 = 0, 'u' || visitor_no, null) as user_id,
            landing_page as page_location, device_category, channel_group, 'shop' as source,
            if(event_name in ('page_view'), [], ITEM) as items
        from e order by event_timestamp""",
    "gold/fact_sessions": """
        select 's' || session_no as session_id, 'v' || visitor_no as visitor_id,
            if(visitor_no % 3 = 0, 'u' || visitor_no, null) as user_id,
            hour_of(started_at) as event_hour, started_at + interval 20 second as started_at,
            started_at + interval 180 second as ended_at, 160.0 as duration_s, 9 as event_count,
            3 as page_views, 3 as unique_page_views, 3 as view_items, 3 as products_viewed,
            (luck < 25)::bigint as add_to_carts, (luck < 8)::bigint as begin_checkouts,
            (luck < 3)::bigint as purchases, coalesce(o.value, 0) as transaction_revenue,
            landing_page, landing_page as exit_page, device_category, channel_group,
            luck < 60 as is_engaged
        from s left join (select session_no, value from o) as o using (session_no)
        order by started_at""",
    "gold/fact_transactions": """
        select order_id, order_id as transaction_id, 'shop' as id_scope,
            'e' || session_no || '-9' as event_id, event_timestamp as ordered_at, event_hour,
            'v' || visitor_no as visitor_id, if(visitor_no % 3 = 0, 'u' || visitor_no, null)
            as user_id, value, 'USD' as currency, 1 as item_count, 2 as units, ITEM as items
        from o""",
    "gold/revenue_5min": """
        select event_hour, traffic,
            time_bucket(interval 5 minute, event_timestamp) as window_start,
            window_start + interval 5 minute as window_end, 'USD' as currency,
            'c' || (hash(product) % 8) as item_category, product as item_id, count(*) as orders,
            2 * count(*) as units, sum(value) as revenue
        from o_of group by event_hour, traffic, window_start, product""",
    "gold/funnel_10min": """
        select event_hour, traffic,
            time_bucket(interval 10 minute, event_timestamp) as window_start,
            window_start + interval 10 minute as window_end, unit, mode, step_no, step,
            count(distinct visitor_no) as sessions_at_step,
            sessions_at_step as sessions_through_step
        from e_of join steps on step = event_name
        cross join (values ('session'), ('user')) as units(unit)
        cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
        group by event_hour, traffic, window_start, unit, mode, step_no, step""",
    "gold/funnel_hourly": """
        select event_hour, traffic, mode, step_no, step, count(distinct session_no) as sessions
        from e_of join steps on step = event_name
        cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
        group by event_hour, traffic, mode, step_no, step""",
    "gold/hourly_metrics": """
        select event_hour, traffic, strptime(event_hour, '%Y-%m-%dT%H')::timestamptz as hour_start,
            count(*) as events, count(distinct visitor_no) as visitors,
            count(distinct session_no) as sessions_started,
            count(*) filter (where event_name = 'page_view') as page_views,
            count(*) filter (where event_name = 'view_item') as view_items,
            count(*) filter (where event_name = 'add_to_cart') as add_to_carts,
            count(*) filter (where event_name = 'purchase') as orders,
            coalesce(sum(price * 2) filter (where event_name = 'purchase'), 0) as revenue
        from e_of group by event_hour, traffic""",
    "gold/bot_visitors_hourly": """
        select distinct on (event_hour, visitor_no) hour_of(started_at) as event_hour,
            'v' || visitor_no as visitor_id, 9 as events, (luck < 3)::bigint as orders,
            9 as max_events_per_minute, 20.0 as mean_gap_s, ['hurry'] as bot_signals,
            if(session_no % 2 = 0, 1.0, 0.4) as bot_score, session_no % 2 = 0 as is_bot
        from s where session_no % 50 in (0, 1)""",
    "gold/fact_daily_metrics": """
        select day_key() as event_day, started_at::date as event_date, traffic,
            count(*) as sessions, count(distinct visitor_no) as active_users,
            0.6 as engagement_rate,
            count(*) filter (where luck < 3) as converted_sessions,
            count(*) filter (where luck < 3) as orders, 0.03 as conversion_rate,
            (select sum(value) from o) as revenue
        from s cross join (values ('all'), ('human')) as traffics(traffic)
        where traffic = 'all' or session_no % 50 <> 0
        group by event_date, traffic""",
    "gold/product_metrics_daily": """
        select day_key() as event_day, traffic, product as item_id,
            any_value('c' || (hash(product) % 8)) as item_category,
            count(*) filter (where event_name = 'view_item') as views,
            count(*) filter (where event_name = 'purchase') as orders,
            2 * orders as units, coalesce(sum(price * 2) filter (where event_name = 'purchase'), 0)
            as revenue, max(price) as max_price
        from e cross join (values ('all'), ('human')) as traffics(traffic)
        where event_name <> 'page_view' and (traffic = 'all' or session_no % 50 <> 0)
        group by traffic, product""",
    "gold/product_activity_hourly": """
        select day_key() as event_day, event_hour, traffic, product as item_id,
            count(*) filter (where event_name = 'view_item') as views,
            count(*) filter (where event_name = 'add_to_cart') as add_to_carts,
            count(*) filter (where event_name = 'purchase') as orders, 2 * orders as units,
            coalesce(sum(price * 2) filter (where event_name = 'purchase'), 0) as revenue
        from e_of where event_name <> 'page_view' group by event_hour, traffic, product""",
    "gold/traffic_daily": """
        select day_key() as event_day, traffic, dimension,
            case dimension when 'channel_group' then channel_group
                when 'device_category' then device_category else landing_page end as value,
            count(*) as sessions, count(*) filter (where luck < 60) as engaged_sessions,
            count(*) filter (where luck < 25) as cart_sessions,
            count(*) filter (where luck < 3) as converted_sessions,
            cart_sessions - converted_sessions as abandoned_carts, converted_sessions as orders,
            coalesce(sum(order_value), 0) as revenue
        from s left join (
            select session_no, value as order_value from o
        ) as o using (session_no)
        cross join (values ('all'), ('human')) as traffics(traffic)
        cross join (values ('channel_group'), ('device_category'), ('landing_page'))
            as dimensions(dimension)
        where traffic = 'all' or session_no % 50 <> 0
        group by traffic, dimension, value""",
    "gold/funnels_daily": """
        select day_key() as event_day, funnel, traffic, unit, mode, step_no, step,
            count(distinct session_no) as units
        from e join steps on step = event_name
        cross join (values ('checkout'), ('purchase'), ('search')) as funnels(funnel)
        cross join (values ('all'), ('human')) as traffics(traffic)
        cross join (values ('session'), ('user')) as counted(unit)
        cross join (values ('any'), ('ordered'), ('strict')) as modes(mode)
        group by funnel, traffic, unit, mode, step_no, step""",
    "gold/event_activity_hourly": """
        select day_key() as event_day, event_hour, traffic, event_name,
            if(event_name = 'purchase', ['success', 'failure'][1 + (luck % 2)::integer], null)
                as outcome,
            count(*) as events, count(distinct visitor_no) as visitors
        from e_of group by event_hour, traffic, event_name, outcome""",
    "gold/customer_activity_hourly": """
        select day_key() as event_day, event_hour, traffic,
            if(visitor_no % 3 = 0, 'u', 'v') || visitor_no as customer_id, count(*) as events,
            count(*) filter (where event_name = 'view_item') as view_items,
            count(*) filter (where event_name = 'add_to_cart') as add_to_carts,
            count(*) filter (where event_name = 'purchase') as orders,
            coalesce(sum(price * 2) filter (where event_name = 'purchase'), 0) as revenue
        from e_of group by event_hour, traffic, visitor_no""",
    "gold/journey_paths": """
        select day_key() as event_day, traffic, path, depth, 'step' || (n % 15) as step,
            1000 // (n + 1) + 1 as sessions, 1 as exits, 0 as converted_sessions
        from (select n, 1 + n % 6 as depth, array_to_string(
            list_transform(range(1 + n % 6), lambda i: 'step' || ((n + i * 7) % 15)), ' > ')
            || n as path from range(500) as paths(n))
        cross join (values ('all'), ('human')) as traffics(traffic)""",
    "gold/cart_abandonment": """
        select day_key() as event_day, 's' || session_no as session_id,
            'v' || visitor_no as visitor_id, started_at as ended_at, 20.0 as cart_value,
            if(luck < 8, 'begin_checkout', 'cart') as step_reached, session_no % 50 = 0 as is_bot
        from s where luck between 3 and 24""",
    "gold/attribution_credit": """
        select day_key() as event_day, order_id as conversion_id, model, 1 as touch_no,
            channel_group, 1.0 as credit, value as credited_value, session_no % 50 = 0 as is_bot
        from o cross join (values ('first_touch'), ('last_touch'), ('linear'), ('position'),
            ('time_decay')) as models(model)""",
    "gold/anomalies": """
        select day_key() as event_day, 'events' as kind, started_at as detected_at, 'shop'
            as entity, -5.0 as score, ['events_low'] as reason_codes from s limit 3""",
    "gold/price_outliers": """
        select day_key() as event_day, event_timestamp as detected_at, 'shop' as id_scope,
            'e' || session_no as event_id, product as item_id, price, 9.0 as score
        from o limit 20""",
    "silver/duplicates": """
        select 'shop' as source, 'shop/' || event_hour || '/a.jsonl@1' as source_file,
            session_no * 10 + event_sequence as source_offset, event_hour as ingest_hour,
            event_hour, 'shop' as id_scope, 'e' || session_no as event_id, event_timestamp
        from e where session_no % 50 = 0""",
    "silver/quarantine": """
        select 'shop' as source, 'shop/' || event_hour || '/a.jsonl@1' as source_file,
            session_no * 10 + event_sequence as source_offset, event_hour as ingest_hour,
            event_hour, encode('{"event_id": "e' || session_no || '"}') as raw,
            if(session_no % 200 = 0, ['negative_price'], ['missing_event_id']) as reasons
        from e where session_no % 100 = 0""",
    "ops/conservation_ledger": """
        select event_hour as ingest_hour, event_hour as home_hour, 'shop' as source,
            count(*) + count(*) // 33 as lines, count(*) as accepted,
            count(*) // 33 as duplicates, 0 as quarantined, 0 as pending
        from e group by event_hour""",
    "ops/ingestion_warnings": """
        select event_hour as home_hour, 'shop' as source, 'no_visitor' as type,
            'warn' as severity, 3 as lines, 'Fix it.' as remedy from e group by event_hour""",
    "ops/lateness_hourly": """
        select event_hour as ingest_hour, event_hour as home_hour, 'shop' as source,
            count(*) as lines, 0 as hours_late from e group by event_hour""",
}
BY_DAY = {
    path: text.replace("ITEM", _ITEM.replace("QUANTITY", "2" if "trans" in path else "1"))
    for path, text in BY_DAY.items()
}
ALL_TIME = {
    "gold/people": """
        select kind as id_kind, id, 'u' || visitor_no as person_id, 2 as person_ids,
            1 as person_users, 1 as links, [] as guards, min(started_at) as first_seen_at,
            max(started_at) as last_seen_at
        from sessions_of_all, lateral (values ('visitor', 'v' || visitor_no),
            ('user', 'u' || visitor_no)) as ids(kind, id)
        where visitor_no % 3 = 0 group by kind, id, visitor_no""",
    "gold/dim_user_metrics": """
        select traffic, 'v' || visitor_no as customer_id, min(started_at) as first_seen_at,
            max(started_at) as last_seen_at, count(*) as sessions,
            count(distinct started_at::date) as active_days,
            count(*) filter (where is_engaged) as engaged_sessions,
            coalesce(any_value(orders.orders), 0) as orders,
            coalesce(any_value(orders.value), 0)::decimal(22, 2) as customer_lifetime_value,
            any_value(orders.orders) >= 2 and any_value(orders.orders) is not null as is_repeat,
            if(any_value(orders.orders) is null, 'New/Inactive', 'Converted') as segment
        from sessions_of_all left join (
            select visitor_no, count(*) as orders, sum(value) as value
            from orders_of_all group by visitor_no
        ) as orders using (visitor_no)
        cross join (values ('all'), ('human')) as traffics(traffic)
        group by traffic, visitor_no""",
    "gold/rfm_scores": """
        select current_date as as_of_date, traffic, 'v' || visitor_no as customer_id,
            date_diff('day', max(ordered_at), getvariable('first_day')
                + to_days(getvariable('days')::integer)) as recency_days,
            count(*) as frequency, sum(value)::decimal(22, 2) as monetary, 3 as r, 3 as f, 3 as m,
            ['Champions', 'Loyal', 'At Risk', 'Lost', 'New'][1 + (visitor_no % 5)::integer]
                as rfm_segment
        from orders_of_all cross join (values ('all'), ('human')) as traffics(traffic)
        group by traffic, visitor_no""",
    "gold/retention_cohort": """
        select traffic, basis, period,
            (getvariable('first_day') + to_days((cohort * length)::integer))::date as cohort_start,
            period_no, 100 - 2 * period_no as customers, 100 as cohort_size,
            customers / 100 as retention_rate
        from (values ('day', 1), ('week', 7)) as periods(period, length),
            (values ('activity'), ('orders')) as bases(basis),
            (values ('all'), ('human')) as traffics(traffic),
            range(30) as cohorts(cohort), range(30) as numbers(period_no)
        where (cohort + period_no) * length < 40""",
    "gold/dim_product_metrics": """
        select traffic, 'p' || n as item_id, 'c' || (hash('p' || n) % 8) as item_category,
            2000 - n as views, 100 as add_to_carts, n % 40 as orders, n % 80 as units,
            n * 2.5 as revenue, 9.99 as price, (n % 40) / (2000 - n) as order_rate
        from range(2000) as products(n), (values ('all'), ('human')) as traffics(traffic)""",
    "gold/product_affinity": """
        select traffic, basis, 'p' || a as item_a, 'p' || b as item_b, 1 + (a * b) % 90 as n,
            0.1 as support, 0.2 as confidence, 1.5 as lift
        from (values ('all'), ('human')) as traffics(traffic),
            (values ('order'), ('customer')) as bases(basis), range(200) as first(a),
            range(200) as second(b) where a <> b""",
    "silver/products": """
        select 'p' || n as item_id, version_no, getvariable('first_day') as valid_from,
            'Product ' || n as item_name, 'brand' || n % 40 as item_brand,
            'c' || (hash('p' || n) % 8) as item_category,
            (1 + hash('p' || n) % 20000)::decimal(12, 2) / 100 as price
        from range(1900) as products(n), (values (1)) as versions(version_no)""",
    "silver/users": """
        select distinct 'u' || visitor_no as user_id, 1 as version_no,
            getvariable('first_day') as valid_from,
            ['new', 'regular', 'vip'][1 + (visitor_no % 3)::integer] as segment
        from sessions_of_all where visitor_no % 6 = 0""",
    "gold/experiment_results": """
        select traffic, 'x' as experiment_id, variant_id, variant_id = 'control' as is_control,
            1000 as exposures, 100 as conversions, 0.1 as conversion_rate
        from (values ('control'), ('new')) as variants(variant_id),
            (values ('all'), ('human')) as traffics(traffic)""",
}
OPS = {
    "ops/hour_state": """
        select "table", hour, 1 as version, 1 as input_version, hour as reach_from,
            hour as reach_to, 9 * getvariable('per_hour') as row_count, ['shop'] as sources,
            [] as linked_hours, false as is_stale,
            if("table" = 'silver/events', begins + interval 59 minute, null) as max_event_at,
            begins + interval 2 hour as recorded_at
        from (
            select getvariable('first_day') + to_hours(h) as begins, hour_of(begins) as hour
            from range((getvariable('days') * 24)::bigint) as hours(h)
        ), (values ('bronze/events'), ('silver/events'), ('silver/duplicates'),
            ('silver/quarantine'), ('gold/fact_events'), ('gold/fact_sessions'),
            ('gold/fact_transactions'), ('gold/revenue_5min'), ('gold/funnel_10min'),
            ('gold/funnel_hourly'), ('gold/hourly_metrics'), ('gold/bot_visitors_hourly'))
            as tables("table")""",
    "ops/cost_hourly": """
        select "table", hour, 9 * getvariable('per_hour') as rows, 0.01 as cpu_s,
            1 as written_files, 20000 as written_bytes, 'r' as run_id, begins as recorded_at
        from (
            select getvariable('first_day') + to_hours(h) as begins, hour_of(begins) as hour
            from range((getvariable('days') * 24)::bigint) as hours(h)
        ), (values ('silver/events'), ('gold/fact_events'), ('gold/fact_sessions'))
            as tables("table")""",
}
