-- One row per kind of traffic and customer with an order.
with customers as (
    select
        traffic,
        customer_id,
        max(event_day)::date as last_day,
        count(*) as frequency,
        sum(value)::decimal(22, 2) as monetary
    from gold.day_orders
    cross join gold.traffics
    where is_reported and customer_id is not null and not (leaves_robots_out and is_bot)
    group by traffic, customer_id
),

-- For each value: customers below it, twice, and those with it; for f among repeaters alone.
levels as (
    select traffic, 'r' as kind, epoch(last_day)::decimal(22, 2) as value, count(*) as n
    from customers
    group by all
    union all
    select traffic, 'f', frequency::decimal(22, 2), count(*) from customers where frequency > 1
    group by all
    union all
    select traffic, 'm', monetary, count(*) from customers group by all
),

middles as (
    select
        one.traffic, one.kind, one.value,
        one.n + 2 * coalesce(sum(lower.n), 0)::bigint as twice_middle
    from levels as one
    left join levels as lower
        on lower.traffic = one.traffic and lower.kind = one.kind and lower.value < one.value
    group by one.traffic, one.kind, one.value, one.n
),

whole as (
    select
        traffic,
        count(*) as n,
        count(*) filter (frequency > 1) as repeaters,
        max(last_day) as as_of_date
    from customers
    group by traffic
),

scored as (
    select
        one.*,
        as_of_date,
        1 + 5 * recencies.twice_middle // (2 * n) as r,
        if(frequency = 1, 1, 2 + 4 * frequencies.twice_middle // (2 * repeaters)) as f,
        1 + 5 * sums.twice_middle // (2 * n) as m
    from customers as one
    join middles as recencies
        on recencies.traffic = one.traffic and recencies.kind = 'r'
        and recencies.value = epoch(last_day)
    left join middles as frequencies
        on frequencies.traffic = one.traffic and frequencies.kind = 'f'
        and frequencies.value = frequency
    join middles as sums
        on sums.traffic = one.traffic and sums.kind = 'm' and sums.value = monetary
    join whole on whole.traffic = one.traffic
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
    traffic,
    customer_id,
    date_diff('day', last_day, as_of_date) as recency_days,
    frequency,
    monetary,
    scored.r,
    f,
    m,
    names[round((f + f + m) / 3)::int] as rfm_segment
from scored
join grid on grid.r = scored.r
