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
)

select
    pairs.*,
    a.n as baskets_a,
    b.n as baskets_b,
    baskets,
    pairs.n / baskets as support,
    pairs.n / a.n as confidence,
    (pairs.n / a.n) / (b.n / baskets) as lift
from pairs
join baskets using (basis)
join alone as a on a.basis = pairs.basis and a.item_id = pairs.item_a
join alone as b on b.basis = pairs.basis and b.item_id = pairs.item_b
