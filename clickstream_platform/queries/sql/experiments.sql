-- name: experiments
-- description: A/B tests: exposures, conversion, lift and p-value of each arm.
-- tables: gold.experiment_results

select
    experiment_id, variant_id, is_control, exposures, conversions, conversion_rate, lift, z_score,
    p_value, p_value < 0.05 as is_significant
from gold.experiment_results
order by experiment_id, is_control desc, variant_id
