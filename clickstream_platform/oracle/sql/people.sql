-- One row per id that was seen with another, and its person.
-- Reads `gold.link_guards`, and `component` (id_kind, id, root, ids, users) of the links that count.
with sides as (
    select 'visitor' as id_kind, visitor_id as id, guard, first_at, last_at from gold.link_guards
    union all
    select 'user', user_id, guard, first_at, last_at from gold.link_guards
),

seen as (
    select
        id_kind,
        id,
        count(*) as links,
        list_distinct(list(guard) filter (guard is not null)) as guards,
        min(first_at) as first_seen_at,
        max(last_at) as last_seen_at
    from sides
    group by id_kind, id
),

placed as (
    select
        seen.*,
        component.root,
        component.ids,
        component.users,
        coalesce(component.ids > setting.max_ids_per_person, false) as is_too_large
    from seen
    cross join setting
    left join component on component.id_kind = seen.id_kind and component.id = seen.id
)

select
    id_kind,
    id,
    if(root is null or is_too_large, id, root) as person_id,
    if(root is null or is_too_large, 1, ids) as person_ids,
    if(root is null or is_too_large, (id_kind = 'user')::bigint, users) as person_users,
    links,
    list_sort(
        list_concat(coalesce(guards, []), if(is_too_large, ['too_many_ids'], []))
    ) as guards,
    lower(trim(id, ' ')) in (select blocked_id.id from blocked_id) as is_blocked,
    first_seen_at,
    last_seen_at
from placed
