-- One row per kind of traffic, basis and ordered pair of products in two or more baskets.
with sold as (
    select traffic, order_id, customer_id, unnest(items).item_id as item_id
    from gold.day_orders
    cross join gold.traffics
    where not (leaves_robots_out and is_bot)
),

parts as (
    select traffic, 'order' as basis, order_id as basket, item_id from sold
    union all
    select traffic, 'customer', customer_id, item_id from sold where customer_id is not null
),

held as (
    select distinct traffic, basis, basket, item_id
    from parts
    where item_id is not null
    qualify count(distinct item_id) over (partition by traffic, basis, basket) <= 100
),

baskets as (
    select traffic, basis, count(distinct basket) as baskets from held group by traffic, basis
),

alone as (select traffic, basis, item_id, count(*) as n from held group by all),

pairs as (
    select a.traffic, a.basis, a.item_id as item_a, b.item_id as item_b, count(*) as n
    from held as a
    join held as b
        on b.traffic = a.traffic and b.basis = a.basis and b.basket = a.basket
        and b.item_id <> a.item_id
    group by all
    having count(*) >= 2
),

fitting as (
    select traffic, viewed, ordered
    from gold.session_products
    cross join gold.traffics
    where len(viewed) between 1 and 100 and len(ordered) <= 100
        and not (leaves_robots_out and is_bot)
),

leading_pairs as (
    select traffic, a.item_id as item_a, b.item_id as item_b, count(*) as n
    from fitting, unnest(viewed) as a(item_id), unnest(ordered) as b(item_id)
    where a.item_id <> b.item_id
    group by all
    having count(*) >= 2
),

led as (
    select
        leading_pairs.traffic, item_a, item_b, n,
        count(*) filter (list_contains(viewed, item_a)) as baskets_a,
        count(*) filter (list_contains(ordered, item_b)) as baskets_b,
        count(*) as baskets
    from leading_pairs
    join fitting using (traffic)
    group by all
),

counted as (
    select
        pairs.traffic, pairs.basis, item_a, item_b, pairs.n, a.n as baskets_a, b.n as baskets_b,
        baskets
    from pairs
    join baskets using (traffic, basis)
    join alone as a
        on a.traffic = pairs.traffic and a.basis = pairs.basis and a.item_id = pairs.item_a
    join alone as b
        on b.traffic = pairs.traffic and b.basis = pairs.basis and b.item_id = pairs.item_b
    union all
    select traffic, 'view_to_order', item_a, item_b, n, baskets_a, baskets_b, baskets from led
)

select
    *,
    n / baskets as support,
    n / baskets_a as confidence,
    (n / baskets_a) / (baskets_b / baskets) as lift
from counted
