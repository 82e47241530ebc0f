-- One row per event and product at ten times the product's median price of the day or more.
with parts as (
    select
        event_hour[1:10] as event_day, event_timestamp, id_scope, event_id, visitor_id,
        unnest(items) as item
    from silver.events
),

prices as (
    select
        event_day, event_timestamp, id_scope, event_id, visitor_id, item.item_id as item_id,
        max(item.price) as price
    from parts
    where item.item_id is not null and item.price is not null
    group by all
),

usual as (
    select event_day, item_id, median(price::double) as expected
    from prices
    group by all
    having count(*) >= 5
)

select
    event_day,
    event_timestamp as detected_at,
    id_scope,
    event_id,
    visitor_id,
    item_id,
    price,
    expected,
    price::double / expected as score
from prices
join usual using (event_day, item_id)
where expected > 0 and price::double / expected >= 10
