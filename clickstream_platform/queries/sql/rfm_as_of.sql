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
        2 * (rank() over (partition by as_of order by frequency) - 1)
            + count(*) over (partition by as_of, frequency) as f_place,
        2 * (rank() over (partition by as_of order by monetary) - 1)
            + count(*) over (partition by as_of, monetary) as m_place,
        2 * count(*) over (partition by as_of) as places
    from customers
),

scored as (
    select
        *,
        cast(1 + floor(5e0 * r_place / places) as bigint) as r,
        cast(1 + floor(5e0 * f_place / places) as bigint) as f,
        cast(1 + floor(5e0 * m_place / places) as bigint) as m
    from placed
),

segmented as (
    select
        *,
        case
            when r >= 4 and f + m >= 7 then 'Champions'
            when r = 3 and f + m in (5, 6) then 'Need Attention'
            when r >= 3 and f + m >= 5 then 'Loyal Customers'
            when r >= 4 and f + m >= 3 then 'Potential Loyalist'
            when r = 5 then 'New Customers'
            when r = 4 then 'Promising'
            when r = 3 then 'About To Sleep'
            when r = 1 and f + m >= 7 then 'Cannot Lose Them'
            when f + m >= 5 then 'At Risk'
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
