-- One row per kind of traffic, A/B test and arm; what came of it against the control.
with visitors as (
    select
        traffic,
        experiment_id,
        visitor_id,
        list(distinct variant_id) as arms,
        min(first_exposed_at) as exposed_at
    from gold.experiment_exposures
    cross join gold.traffics
    where not (leaves_robots_out and is_bot)
    group by all
),

mixed as (
    select traffic, experiment_id, count(*) filter (len(arms) > 1) as mixed_visitors
    from visitors
    group by traffic, experiment_id
),

bought as (
    select traffic, visitor_id, order_id, ordered_at, value, is_reported
    from gold.day_orders
    cross join gold.traffics
    where not (leaves_robots_out and is_bot)
),

outcomes as (
    select
        visitors.traffic,
        visitors.experiment_id,
        visitors.visitor_id,
        arms[1] as variant_id,
        count(order_id) filter (ordered_at >= exposed_at) as orders,
        coalesce(sum(value) filter (is_reported and ordered_at >= exposed_at), 0) as worth,
        coalesce(sum(value * 100) filter (is_reported and ordered_at >= exposed_at), 0)::hugeint as y,
        coalesce(sum(value * 100) filter (is_reported and ordered_at < exposed_at), 0)::hugeint as x
    from visitors
    left join bought
        on bought.traffic = visitors.traffic
        and bought.visitor_id = visitors.visitor_id
        and ordered_at between exposed_at - interval 28 days and exposed_at + interval 7 days
    where len(arms) = 1
    group by all
),

arms as (
    select
        traffic,
        experiment_id,
        variant_id,
        count(*) as exposures,
        count(*) filter (orders > 0) as conversions,
        sum(worth)::decimal(22, 2) as revenue,
        sum(x)::hugeint as x, sum(y)::hugeint as y,
        sum(x * x)::hugeint as xx, sum(x * y)::hugeint as xy, sum(y * y)::hugeint as yy
    from outcomes
    group by all
),

tests as (
    select
        traffic,
        experiment_id,
        count(*) as k,
        sum(exposures)::hugeint as m,
        ((k * sum(exposures::hugeint * exposures) - m * m) / m)::double as chi_square,
        sum(x) / m as mean_x,
        coalesce((m * sum(xy) - sum(x) * sum(y))::double
            / nullif((m * sum(xx) - sum(x) * sum(x))::double, 0), 0) as theta
    from arms
    group by traffic, experiment_id
),

-- The chance of a chi-square with k - 1 degrees of freedom at least as large.
evenness as (
    select
        *,
        case
            when k = 1 then null
            when k % 2 = 1 then
                exp(-chi_square / 2) * list_sum(
                    [(chi_square / 2) ** i / gamma(i + 1) for i in range((k - 1) // 2)]
                )
            else
                erfc_as(sqrt(chi_square / 2))
                + exp(-chi_square / 2) * coalesce(list_sum(
                    [(chi_square / 2) ** (i + 0.5) / gamma(i + 1.5) for i in range((k - 2) // 2)]
                ), 0)
        end as uneven_p
    from tests
),

adjusted as (
    select
        arms.*,
        theta,
        uneven_p,
        (y / exposures - theta * (x / exposures - mean_x)) / 100 as mean,
        greatest(
            (exposures * yy - y * y)::double
            + theta * theta * (exposures * xx - x * x)::double
            - 2 * theta * (exposures * xy - x * y)::double,
            0
        ) / nullif(exposures * (exposures - 1), 0) / 10000 as variance
    from arms
    join evenness using (traffic, experiment_id)
),

controls as (
    select
        traffic, experiment_id, exposures as n, conversions as c, variant_id as control_id,
        mean as control_mean, variance as control_variance
    from adjusted
    qualify row_number() over (
        partition by traffic, experiment_id order by variant_id <> 'control', variant_id
    ) = 1
),

scored as (
    select
        adjusted.*,
        variant_id = control_id as is_control,
        conversions / exposures as conversion_rate,
        c / n as control_rate,
        (conversions + c) / (exposures + n) as pooled,
        n,
        sqrt(variance / exposures + control_variance / n) as mean_error,
        if(variant_id = control_id, null, mean - control_mean) as gain,
        if(variant_id = control_id, null, conversions / exposures - c / n) as rate_gain
    from adjusted
    join controls using (traffic, experiment_id)
),

tested as (
    select
        *,
        if(
            is_control,
            null,
            (conversion_rate - control_rate)
            / nullif(sqrt(pooled * (1 - pooled) * (1 / exposures + 1 / n)), 0)
        ) as z_score,
        sqrt(
            conversion_rate * (1 - conversion_rate) / exposures
            + control_rate * (1 - control_rate) / n
        ) as rate_error
    from scored
)

select
    traffic,
    experiment_id,
    variant_id,
    is_control,
    exposures,
    conversions,
    revenue,
    mixed_visitors,
    conversion_rate,
    if(is_control, null, conversion_rate / nullif(control_rate, 0) - 1) as lift,
    z_score,
    p_of(z_score) as p_value,
    rate_gain as rate_difference,
    rate_gain - 1.959963984540054 * rate_error as rate_ci_low,
    rate_gain + 1.959963984540054 * rate_error as rate_ci_high,
    if(uneven_p is null, null, least(uneven_p, 1)) as srm_p_value,  -- least skips null
    revenue::double / exposures as revenue_per_visitor,
    theta as cuped_theta,
    mean as cuped_revenue_per_visitor,
    gain as cuped_difference,
    gain - 1.959963984540054 * mean_error as cuped_ci_low,
    gain + 1.959963984540054 * mean_error as cuped_ci_high,
    p_of(gain / nullif(mean_error, 0)) as cuped_p_value
from tested
join mixed using (traffic, experiment_id)
