-- silver.campaigns, one row per campaign and version; `is_current` is the newest version known.
select
    campaigns.*,
    campaigns.valid_to is null as is_current
from silver.campaigns as campaigns
