-- name: rfm_transitions
-- description: How buyers moved between RFM segments from one day to another.
-- tables: gold.v_orders
-- param: from_day = oldest
-- param: to_day = newest

with orders as (
    select customer_id, cast(event_day as date) as day, value
    from gold.v_orders
    where is_reported and customer_id is not null
),

days as (
    select coalesce(cast(nullif($from_day, 'oldest') as date), min(day)) as as_of from orders
    union
    select coalesce(cast(nullif($to_day, 'newest') as date), max(day)) from orders
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
),

span as (select min(as_of) as first_day, max(as_of) as last_day from days)

select
    coalesce(earlier.rfm_segment, '(no order yet)') as from_segment,
    later.rfm_segment as to_segment,
    count(*) as customers,
    sum(later.monetary) as revenue
from span
join segmented as later on later.as_of = span.last_day
left join segmented as earlier
    on earlier.as_of = span.first_day and earlier.customer_id = later.customer_id
group by coalesce(earlier.rfm_segment, '(no order yet)'), later.rfm_segment
order by customers desc, from_segment, to_segment
