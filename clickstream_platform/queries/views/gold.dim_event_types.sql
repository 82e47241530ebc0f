-- One row per event name the platform knows (GA4's names), with its place in the shop; and one per
-- further name that events have (`other`).
with known as (
    select event_name, category, funnel_order
    from (
        values
            ('page_view', 'browse', 1),
            ('session_start', 'browse', null),
            ('view_item_list', 'browse', 2),
            ('select_item', 'browse', 3),
            ('view_item', 'browse', 4),
            ('view_search_results', 'search', 2),
            ('click', 'browse', null),
            ('add_to_wishlist', 'intent', null),
            ('add_to_cart', 'cart', 5),
            ('remove_from_cart', 'cart', null),
            ('view_cart', 'cart', 6),
            ('begin_checkout', 'checkout', 7),
            ('add_shipping_info', 'checkout', 8),
            ('add_payment_info', 'checkout', 9),
            ('purchase', 'order', 10),
            ('refund', 'order', null),
            ('sign_up', 'account', null),
            ('login', 'account', null),
            ('experiment_viewed', 'experiment', null)
    ) as types(event_name, category, funnel_order)
)

select event_name, category, funnel_order from known
union all
select event_name, 'other', null
from (select distinct event_name from gold.fact_events) as seen
where event_name not in (select event_name from known)
