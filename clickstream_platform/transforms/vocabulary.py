"""The event names this platform knows (GA4's, plus `click` and `experiment_viewed`)."""

KNOWN_EVENTS = (
    "page_view",
    "session_start",
    "view_item_list",
    "select_item",
    "view_item",
    "view_search_results",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
    "refund",
    "sign_up",
    "login",
    "experiment_viewed",
    "click",
)
