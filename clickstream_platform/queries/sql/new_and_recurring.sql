-- name: new_and_recurring
-- description: First-time and recurring customers of each day, week (from Monday) or month.
-- tables: gold.retention_cohort
-- param: period = day | week | month
-- param: traffic = all | human

with came as (
    select
        case period
            when 'day' then cohort_start + cast(period_no as integer)
            when 'week' then cohort_start + 7 * cast(period_no as integer)
            else cast(cohort_start + period_no * interval '1 month' as date)
        end as period_start,
        period_no,
        customers
    from gold.retention_cohort
    where basis = 'activity' and period = $period and traffic = $traffic
)

select
    period_start,
    sum(customers)::bigint as active_users,
    coalesce(sum(customers) filter (where period_no = 0), 0)::bigint as new_users,
    coalesce(sum(customers) filter (where period_no > 0), 0)::bigint as recurring_users,
    1e0 * coalesce(sum(customers) filter (where period_no > 0), 0) / sum(customers)
        as recurring_share
from came
group by period_start
order by period_start
