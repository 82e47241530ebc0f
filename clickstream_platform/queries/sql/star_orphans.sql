-- name: star_orphans
-- description: Rows of facts without their row in a dimension or another fact; all should be 0.
-- tables: gold.fact_events, gold.fact_sessions, gold.fact_transactions, gold.product_metrics_daily, gold.dim_event_types, gold.dim_users, gold.dim_products, gold.dim_date

-- The largest table is read once, for its small keys, of which there are few, and for its sessions.
with events as (
    select
        event_name, event_hour, session_id, user_id, count(*) as event_count,
        grouping(session_id) = 1 as is_kind
    from gold.fact_events
    group by grouping sets ((event_name, event_hour), (session_id, user_id))
),

kinds as (
    select event_name, left(event_hour, 10) as event_day, event_count
    from events
    where is_kind
),

-- What the platform knows by name is found at once; only other names need the dimension's own look
-- at every event.
other_kinds as materialized (
    select event_name, event_count
    from kinds
    where not exists (
        select 1 from gold.dim_event_types as types
        where types.event_name = kinds.event_name and types.category <> 'other'
    )
),

ids as (
    select session_id, user_id, event_count
    from events
    where not is_kind
),

-- Both ways at once: events without their session, sessions without any event.
sessions as (
    select
        coalesce(sum(ids.event_count) filter (where known.session_id is null), 0)::bigint as events,
        count(*) filter (where ids.session_id is null) as sessions
    from (select session_id, event_count from ids where session_id is not null) as ids
    full join gold.fact_sessions as known on known.session_id = ids.session_id
)

select
    'fact_events' as fact, 'dim_event_types' as dimension,
    coalesce(sum(event_count), 0)::bigint as orphans
from other_kinds as kinds
where not exists (
    select 1 from gold.dim_event_types as types where types.event_name = kinds.event_name
)
union all
select 'fact_events', 'fact_sessions', events
from sessions
union all
select 'fact_events', 'dim_users', coalesce(sum(event_count), 0)::bigint
from ids
where user_id is not null and not exists (
    select 1 from gold.dim_users as users where users.user_id = ids.user_id
)
union all
select 'fact_events', 'dim_date', coalesce(sum(event_count), 0)::bigint
from kinds
where not exists (
    select 1 from gold.dim_date as dates where dates.event_day = kinds.event_day
)
union all
select 'fact_sessions', 'fact_events', sessions
from sessions
union all
select 'fact_transactions', 'fact_events', count(*)
from gold.fact_transactions as orders
where not exists (
    select 1 from gold.fact_events as events
    where events.event_hour = orders.event_hour
        and events.id_scope = orders.id_scope
        and events.event_id = orders.event_id
)
union all
select 'product_metrics_daily', 'dim_products', count(*)
from gold.product_metrics_daily as days
where days.traffic = 'all' and not exists (
    select 1 from gold.dim_products as products where products.item_id = days.item_id
)
order by fact, dimension
