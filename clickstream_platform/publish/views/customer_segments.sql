-- needs: gold.rfm_scores
-- One row per RFM segment; robots counted in.
select
    as_of_date,
    rfm_segment,
    count(*) as customers,
    avg(recency_days) as average_recency_days,
    avg(frequency) as average_orders,
    sum(monetary) as revenue
from gold.rfm_scores
where traffic = 'all'
group by as_of_date, rfm_segment
