-- name: viewed_then_bought
-- description: Who looked at A in a session ordered B in it: the strongest pairs.
-- tables: gold.product_affinity
-- param: traffic = all | human
-- param: limit = 10

select item_a as viewed, item_b as ordered, n, support, confidence, lift
from gold.product_affinity
where traffic = $traffic and basis = 'view_to_order'
order by n desc, lift desc, item_a, item_b
limit $limit
