-- One row per customer with an order.
with customers as (
    select
        customer_id,
        max(event_day)::date as last_day,
        count(*) as frequency,
        sum(value)::decimal(22, 2) as monetary
    from gold.day_orders
    where is_reported and customer_id is not null
    group by customer_id
),

-- For each value: customers below it, twice, and those with it.
levels as (
    select 'r' as kind, epoch(last_day)::decimal(22, 2) as value, count(*) as n from customers group by all
    union all
    select 'f', frequency::decimal(22, 2), count(*) from customers group by all
    union all
    select 'm', monetary, count(*) from customers group by all
),

middles as (
    select
        one.kind, one.value,
        one.n + 2 * coalesce(sum(lower.n), 0)::bigint as twice_middle
    from levels as one
    left join levels as lower on lower.kind = one.kind and lower.value < one.value
    group by one.kind, one.value, one.n
),

whole as (select count(*) as n, max(last_day) as as_of_date from customers),

scored as (
    select
        one.*,
        as_of_date,
        1 + 5 * recencies.twice_middle // (2 * n) as r,
        1 + 5 * frequencies.twice_middle // (2 * n) as f,
        1 + 5 * sums.twice_middle // (2 * n) as m
    from customers as one
    join middles as recencies on recencies.kind = 'r' and recencies.value = epoch(last_day)
    join middles as frequencies on frequencies.kind = 'f' and frequencies.value = frequency
    join middles as sums on sums.kind = 'm' and sums.value = monetary
    cross join whole
),

grid(r, names) as (
    values
        (1, ['Lost', 'Lost', 'At Risk', 'Cannot Lose Them', 'Cannot Lose Them']),
        (2, ['Hibernating', 'Hibernating', 'At Risk', 'At Risk', 'At Risk']),
        (3, ['About To Sleep', 'About To Sleep', 'Need Attention', 'Loyal Customers',
             'Loyal Customers']),
        (4, ['Promising', 'Potential Loyalist', 'Loyal Customers', 'Champions', 'Champions']),
        (5, ['New Customers', 'Potential Loyalist', 'Loyal Customers', 'Champions', 'Champions'])
)

select
    as_of_date,
    customer_id,
    date_diff('day', last_day, as_of_date) as recency_days,
    frequency,
    monetary,
    scored.r,
    f,
    m,
    names[ceil((f + m) / 2)::int] as rfm_segment
from scored
join grid on grid.r = scored.r
