-- name: check_results
-- description: The newest result of every rule over the hours, failures first.
-- tables: ops.v_dq_results
-- param: from = min hour
-- param: to = max hour

select
    case
        when bool_and(passed) then 'passed'
        when action = 'block' then 'failed'
        when action = 'warn' then 'warned'
        else 'rejected rows'
    end as state,
    "table",
    "check",
    rule,
    action,
    count(*) as hours,
    count(*) filter (where not passed) as hours_not_passed,
    sum(rows_checked)::bigint as rows_checked,
    sum(failed_count)::bigint as failed_count,
    max(hour) filter (where not passed) as last_hour_not_passed,
    max(recorded_at) as checked_at
from ops.v_dq_results
where (hour = 'all' or hour between left($from, length(hour)) and left($to, length(hour)))
group by "table", "check", rule, action
order by
    bool_and(passed),
    array_position(['block', 'warn', 'reject'], action),
    failed_count desc,
    "table",
    "check",
    rule
