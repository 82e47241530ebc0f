-- name: retention
-- description: Cohorts by first week (or day, month): the share that came, or ordered, again.
-- tables: gold.retention_cohort
-- param: period = week | day | month
-- param: basis = activity | order
-- param: traffic = all | human

select cohort_start, cohort_size, period_no, customers, retention_rate
from gold.retention_cohort
where traffic = $traffic and period = $period and basis = $basis
order by cohort_start, period_no
