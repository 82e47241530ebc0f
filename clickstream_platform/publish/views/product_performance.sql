-- needs: gold.revenue_5min
-- One row per UTC day, product and currency; the row without product is value no item explains.
select
    left(event_hour, 10)::date as day,
    item_id,
    item_category,
    currency,
    sum(units) as units,
    sum(revenue) as revenue
from gold.revenue_5min
where traffic = 'all'
group by 1, 2, 3, 4
