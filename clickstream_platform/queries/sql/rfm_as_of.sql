-- name: rfm_as_of
-- description: Each buyer's RFM scores and segment as of a day: orders up to its end count.
-- tables: gold.v_orders
-- param: as_of = newest
-- param: limit = 20

with orders as (
    select customer_id, cast(event_day as date) as day, value
    from gold.v_orders
    where is_reported and customer_id is not null
),

days as (
    select coalesce(cast(nullif($as_of, 'newest') as date), max(day)) as as_of from orders
),

customers as (
    select
        days.as_of,
        orders.customer_id,
        max(orders.day) as last_day,
        count(*) as frequency,
        sum(orders.value) as monetary
    from orders
    join days on orders.day <= days.as_of
    group by days.as_of, orders.customer_id
),

placed as (
    select
        *,
        2 * (rank() over (partition by as_of order by last_day) - 1)
            + count(*) over (partition by as_of, last_day) as r_place,
        2 * (rank() over (partition by as_of, frequency > 1 order by frequency) - 1)
            + count(*) over (partition by as_of, frequency) as f_place,
        2 * count(*) over (partition by as_of, frequency > 1) as f_places,
        2 * (rank() over (partition by as_of order by monetary) - 1)
            + count(*) over (partition by as_of, monetary) as m_place,
        2 * count(*) over (partition by as_of) as places
    from customers
),

scored as (
    select
        *,
        cast(1 + floor(5e0 * r_place / places) as bigint) as r,
        case
            when frequency = 1 then 1 else cast(2 + floor(4e0 * f_place / f_places) as bigint)
        end as f,
        cast(1 + floor(5e0 * m_place / places) as bigint) as m
    from placed
),

segmented as (
    select
        *,
        case
            when r >= 4 and 2 * f + m >= 11 then 'Champions'
            when r = 3 and 2 * f + m between 8 and 10 then 'Need Attention'
            when r >= 3 and 2 * f + m >= 8 then 'Loyal Customers'
            when r >= 4 and 2 * f + m >= 5 then 'Potential Loyalist'
            when r = 5 then 'New Customers'
            when r = 4 then 'Promising'
            when r = 3 then 'About To Sleep'
            when r = 1 and 2 * f + m >= 11 then 'Cannot Lose Them'
            when 2 * f + m >= 8 then 'At Risk'
            when r = 2 then 'Hibernating'
            else 'Lost'
        end as rfm_segment
    from scored
)

select
    as_of, customer_id, as_of - last_day as recency_days, frequency, monetary, r, f, m, rfm_segment
from segmented
order by r + f + m desc, monetary desc, customer_id
limit $limit
