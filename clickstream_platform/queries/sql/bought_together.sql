-- name: bought_together
-- description: Products bought together (basis `order`) or by the same customers (`customer`).
-- tables: gold.product_affinity
-- param: basis = customer | order
-- param: traffic = all | human
-- param: limit = 10

select item_a, item_b, n, support, confidence, lift
from gold.product_affinity
where traffic = $traffic and basis = $basis and item_a < item_b
order by n desc, lift desc, item_a, item_b
limit $limit
