-- One row per A/B test and arm; what came of it against the control.
with visitors as (
    select
        experiment_id,
        visitor_id,
        list(distinct variant_id) as arms,
        min(first_exposed_at) as exposed_at
    from gold.experiment_exposures
    group by all
),

mixed as (
    select experiment_id, count(*) filter (len(arms) > 1) as mixed_visitors
    from visitors
    group by experiment_id
),

outcomes as (
    select
        visitors.experiment_id,
        visitors.visitor_id,
        arms[1] as variant_id,
        count(order_id) as orders,
        sum(value) filter (is_reported) as worth
    from visitors
    left join gold.day_orders as orders
        on orders.visitor_id = visitors.visitor_id
        and ordered_at between exposed_at and exposed_at + interval 7 days
    where len(arms) = 1
    group by all
),

arms as (
    select
        experiment_id,
        variant_id,
        count(*) as exposures,
        count(*) filter (orders > 0) as conversions,
        coalesce(sum(worth), 0)::decimal(22, 2) as revenue
    from outcomes
    group by all
),

controls as (
    select experiment_id, exposures as n, conversions as c, variant_id as control_id
    from arms
    qualify row_number() over (
        partition by experiment_id order by variant_id <> 'control', variant_id
    ) = 1
),

scored as (
    select
        arms.*,
        variant_id = control_id as is_control,
        conversions / exposures as conversion_rate,
        c / n as control_rate,
        (conversions + c) / (exposures + n) as pooled,
        n
    from arms
    join controls using (experiment_id)
),

tested as (
    select
        *,
        if(
            is_control,
            null,
            (conversion_rate - control_rate)
            / nullif(sqrt(pooled * (1 - pooled) * (1 / exposures + 1 / n)), 0)
        ) as z_score
    from scored
),

steps as (
    select *, abs(z_score) / sqrt(2) as x, 1 / (1 + 0.3275911 * abs(z_score) / sqrt(2)) as t
    from tested
)

select
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
    if(z_score is null, null, least(
        1.0,
        (
            0.254829592 * t - 0.284496736 * t ** 2 + 1.421413741 * t ** 3
            - 1.453152027 * t ** 4 + 1.061405429 * t ** 5
        ) * exp(-(x ** 2))
    ))::double as p_value
from steps
join mixed using (experiment_id)
