-- One row per day, place and next place in the journeys that ended that day, and how often.
with ends as (
    select event_day, 'order ' || order_id as journey, visitor_id, ordered_at as until, '(order)' as goal
    from gold.day_orders
    where is_reported
    union all
    select event_day, 'lost ' || visitor_id, visitor_id, max(started_at), '(lost)'
    from gold.day_sessions
    where (event_day, visitor_id) not in (
        select (event_day, visitor_id) from gold.day_orders where visitor_id is not null
    )
    group by event_day, visitor_id
),

walked as (
    select
        ends.event_day,
        ends.journey,
        any_value(goal) as goal,
        list(coalesce(channel_group, '(unknown)') order by started_at, session_id) as channels
    from ends
    cross join setting
    join gold.day_sessions as sessions
        on sessions.visitor_id = ends.visitor_id
        and started_at between until - to_days(look_back_days::integer) and until
    group by ends.event_day, ends.journey
),

places as (
    select event_day, list_concat(list_concat(['(start)'], channels), [goal]) as way from walked
),

steps as (
    select event_day, unnest(way[:-2]) as here, unnest(way[2:]) as there from places
)

select event_day, here, there, count(*) as n from steps group by all
