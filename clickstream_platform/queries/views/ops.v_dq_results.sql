-- One row per table, hour, check and rule: its newest result.
select *
from ops.dq_results
qualify row_number() over (
    partition by "table", hour, "check", rule order by recorded_at desc, run_id desc
) = 1
