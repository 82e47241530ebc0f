-- One row per basis and ordered pair of products in two or more baskets.
with parts as (
    select 'order' as basis, order_id as basket, unnest(items).item_id as item_id
    from gold.day_orders
    union all
    select 'customer', customer_id, unnest(items).item_id
    from gold.day_orders
    where customer_id is not null
),

held as (
    select distinct basis, basket, item_id
    from parts
    where item_id is not null
    qualify count(distinct item_id) over (partition by basis, basket) <= 100
),

baskets as (select basis, count(distinct basket) as baskets from held group by basis),

alone as (select basis, item_id, count(*) as n from held group by all),

pairs as (
    select a.basis, a.item_id as item_a, b.item_id as item_b, count(*) as n
    from held as a
    join held as b on b.basis = a.basis and b.basket = a.basket and b.item_id <> a.item_id
    group by all
    having count(*) >= 2
),

fitting as (
    select viewed, ordered
    from gold.session_products
    where len(viewed) between 1 and 100 and len(ordered) <= 100
),

leading_pairs as (
    select a.item_id as item_a, b.item_id as item_b, count(*) as n
    from fitting, unnest(viewed) as a(item_id), unnest(ordered) as b(item_id)
    where a.item_id <> b.item_id
    group by all
    having count(*) >= 2
),

counted as (
    select pairs.basis, item_a, item_b, pairs.n, a.n as baskets_a, b.n as baskets_b, baskets
    from pairs
    join baskets using (basis)
    join alone as a on a.basis = pairs.basis and a.item_id = pairs.item_a
    join alone as b on b.basis = pairs.basis and b.item_id = pairs.item_b
    union all
    select
        'view_to_order', item_a, item_b, n,
        (select count(*) from fitting where list_contains(viewed, item_a)),
        (select count(*) from fitting where list_contains(ordered, item_b)),
        (select count(*) from fitting)
    from leading_pairs
)

select
    *,
    n / baskets as support,
    n / baskets_a as confidence,
    (n / baskets_a) / (baskets_b / baskets) as lift
from counted
