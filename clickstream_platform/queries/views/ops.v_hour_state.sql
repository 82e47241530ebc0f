-- One row per table and hour: its newest state.
select *
from ops.hour_state
qualify row_number() over (partition by "table", hour order by recorded_at desc, version desc) = 1
