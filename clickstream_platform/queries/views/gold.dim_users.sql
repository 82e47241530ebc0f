-- silver.users, one row per user and version; `is_current` is the newest version known.
select
    users.*,
    users.valid_to is null as is_current
from silver.users as users
