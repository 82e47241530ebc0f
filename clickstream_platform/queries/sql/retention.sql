-- name: retention
-- description: Cohorts by first week (or day, month): the share that came, or ordered, again.
-- tables: gold.retention_cohort
-- param: period = week
-- param: basis = activity
-- param: traffic = all

select cohort_start, cohort_size, period_no, customers, retention_rate
from gold.retention_cohort
where traffic = $traffic and period = $period and basis = $basis
order by cohort_start, period_no
