-- needs: gold.retention_cohort
-- One row per basis, kind of period, cohort and later period; robots counted in.
select
    basis,
    period,
    cohort_start,
    period_no,
    cohort_size,
    customers,
    retention_rate
from gold.retention_cohort
where traffic = 'all'
