-- name: experiments
-- description: A/B tests: each arm's conversion and revenue against the control, and whether to trust it.
-- tables: gold.experiment_results
-- param: traffic = all | human

select
    experiment_id, variant_id, is_control, exposures, conversions, conversion_rate, lift, z_score,
    p_value, p_value < 0.05 as is_significant, rate_ci_low, rate_ci_high, srm_p_value,
    srm_p_value < 0.001 as is_mismatched, revenue_per_visitor, cuped_difference, cuped_ci_low,
    cuped_ci_high, cuped_p_value
from gold.experiment_results
where traffic = $traffic
order by experiment_id, is_control desc, variant_id
