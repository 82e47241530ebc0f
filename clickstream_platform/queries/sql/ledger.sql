-- name: ledger
-- description: Where every line went, per source; `unaccounted` is 0 or a law is broken.
-- tables: ops.conservation_ledger
-- param: from = min hour
-- param: to = max hour

select
    source,
    sum(lines)::bigint as lines,
    sum(accepted)::bigint as accepted,
    sum(duplicates)::bigint as duplicates,
    sum(quarantined)::bigint as quarantined,
    sum(pending)::bigint as pending,
    (sum(lines) - sum(accepted) - sum(duplicates) - sum(quarantined) - sum(pending))::bigint
        as unaccounted
from ops.conservation_ledger
where home_hour between $from and $to
group by source
order by source
