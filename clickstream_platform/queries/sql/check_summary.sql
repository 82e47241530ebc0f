-- name: check_summary
-- description: The checks of each table in one line: rules, hours, and what did not pass.
-- tables: ops.v_dq_results
-- param: from = min hour
-- param: to = max hour

select
    "table",
    "check",
    count(distinct hour) as hours,
    count(distinct rule) as rules,
    count(distinct hour) filter (where not passed and action = 'block') as failed_hours,
    count(distinct hour) filter (where not passed and action = 'warn') as warned_hours,
    sum(failed_count) filter (where action = 'reject')::bigint as rejected_rows,
    string_agg(distinct rule, ', ' order by rule) filter (where not passed and action <> 'reject')
        as rules_not_passed
from ops.v_dq_results
where (hour = 'all' or hour between left($from, length(hour)) and left($to, length(hour)))
group by "table", "check"
order by failed_hours desc, warned_hours desc, "table", "check"
