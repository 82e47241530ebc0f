"""The jobs over assets: what the sensors and the command line run."""

import dagster as dg

from clickstream_platform.assets.catalogue import catalogue
from clickstream_platform.assets.daily import daily, snapshots
from clickstream_platform.assets.hourly import bronze, gold, silver
from clickstream_platform.assets.orphans import orphans

# A selection of facts brings their checks along; this one reads whole tables.
of_the_star = dg.AssetSelection.checks(orphans)

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(bronze),
    description="Landing files of the chosen ingest hours to bronze.",
    tags={"layer": "bronze"},
)
repair = dg.define_asset_job(
    "repair",
    selection=(dg.AssetSelection.assets(silver) | dg.AssetSelection.assets(gold)) - of_the_star,
    description="Silver and gold of the chosen hours.",
    tags={"layer": "silver-gold"},
)
arrivals = dg.define_asset_job(
    "arrivals",
    selection=dg.AssetSelection.assets(bronze, silver, gold) - of_the_star,
    description="Landing files of the chosen ingest hours to bronze, silver and gold.",
    tags={"layer": "bronze-silver-gold"},
)
catalogue_versions = dg.define_asset_job(
    "catalogue",
    selection=dg.AssetSelection.assets(catalogue),
    description="Products, users and campaigns by version, from all feed lines.",
    tags={"layer": "silver"},
)
daily_marts = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.assets(daily) - of_the_star,
    description="Daily marts of the chosen days.",
    tags={"layer": "gold"},
)
all_time_marts = dg.define_asset_job(
    "snapshots",
    selection=dg.AssetSelection.assets(snapshots) | of_the_star,
    description="Marts over all time, then the check that no fact is an orphan.",
    tags={"layer": "gold"},
)

ASSET_JOBS = (ingest, repair, arrivals, catalogue_versions, daily_marts, all_time_marts)
