-- name: quarantine_by_hour
-- description: Rejected lines and their share of all lines, by home hour and source.
-- tables: ops.conservation_ledger
-- param: from = min hour
-- param: to = max hour

select
    home_hour as hour,
    source,
    sum(lines)::bigint as lines,
    sum(quarantined)::bigint as quarantined,
    sum(pending)::bigint as pending,
    sum(quarantined) / nullif(sum(lines), 0) as quarantine_rate
from ops.conservation_ledger
where home_hour between $from and $to
group by home_hour, source
order by home_hour, source
