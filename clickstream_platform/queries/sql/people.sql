-- name: people
-- description: Who is who: how many ids are one person, and why the others stay alone.
-- tables: gold.people

select
    case
        when person_ids > 1 then 'joined'
        else coalesce(nullif(array_to_string(guards, ', '), ''), 'alone')
    end as standing,
    id_kind,
    count(*) as ids,
    count(distinct person_id) as persons,
    max(person_ids) as most_ids
from gold.people
group by 1, 2
order by standing, id_kind
