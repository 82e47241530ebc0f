-- name: rfm_segments
-- description: Buyers by RFM segment: how many, how recent, how often, how much.
-- tables: gold.rfm_scores
-- param: traffic = all | human

select
    rfm_segment,
    count(*) as customers,
    avg(recency_days) as average_recency_days,
    avg(frequency) as average_orders,
    sum(monetary) as revenue
from gold.rfm_scores
where traffic = $traffic
group by rfm_segment
order by revenue desc, rfm_segment
