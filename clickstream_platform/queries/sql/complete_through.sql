-- name: complete_through
-- description: Through when each table has all that arrived, and which hours are behind.
-- tables: ops.v_complete_through

select
    "table",
    complete_through,
    newest_hour,
    first_stale_hour,
    stale_hours
from ops.v_complete_through
order by "table"
