-- name: check_trend
-- description: What each rule found in each hour, where it found anything.
-- tables: ops.v_dq_results
-- param: from = min hour
-- param: to = max hour

select
    hour,
    "table",
    rule,
    action,
    sum(failed_count)::bigint as failed_count,
    sum(rows_checked)::bigint as rows_checked,
    sum(failed_count) / nullif(sum(rows_checked), 0) as failed_rate
from ops.v_dq_results
where (hour = 'all' or hour between left($from, length(hour)) and left($to, length(hour))) and failed_count > 0
group by hour, "table", rule, action
order by hour, "table", rule, action
