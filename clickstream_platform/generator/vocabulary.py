"""Event names, their numbers inside the generator, and what belongs to each."""

from __future__ import annotations

import numpy as np

EVENT_NAMES = (
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
CODE = {name: code for code, name in enumerate(EVENT_NAMES)}


def codes(*names: str) -> np.ndarray:
    """True at the number of each name; index it with a column of numbers."""
    chosen = np.zeros(len(EVENT_NAMES), dtype=bool)
    chosen[[CODE[name] for name in names]] = True
    return chosen


NAMES_ONE_PRODUCT = codes("select_item", "view_item", "add_to_wishlist", "add_to_cart")
NAMES_CART = codes("view_cart", "begin_checkout", "add_shipping_info", "add_payment_info")
NAMES_NEED_CART = codes("remove_from_cart", "begin_checkout")

# Follow-up shares of each event; a row sums to 1.
NEXT: dict[str, dict[str, float]] = {
    "session_start": {
        "page_view": 0.42,
        "view_item_list": 0.2,
        "view_item": 0.2,
        "view_search_results": 0.08,
        "experiment_viewed": 0.1,
    },
    "experiment_viewed": {"page_view": 0.4, "view_item_list": 0.3, "view_item": 0.3},
    "page_view": {
        "view_item_list": 0.3,
        "view_search_results": 0.15,
        "view_item": 0.3,
        "page_view": 0.1,
        "click": 0.05,
        "login": 0.1,
    },
    "view_item_list": {
        "select_item": 0.5,
        "view_item": 0.25,
        "page_view": 0.1,
        "click": 0.05,
        "view_search_results": 0.1,
    },
    "select_item": {"view_item": 1.0},
    "view_search_results": {
        "select_item": 0.5,
        "view_item": 0.25,
        "view_search_results": 0.15,
        "page_view": 0.1,
    },
    "view_item": {
        "add_to_cart": 0.27,
        "view_item": 0.25,
        "view_item_list": 0.2,
        "add_to_wishlist": 0.05,
        "click": 0.05,
        "page_view": 0.08,
        "view_search_results": 0.1,
    },
    "add_to_wishlist": {"view_item": 0.5, "view_item_list": 0.3, "add_to_cart": 0.2},
    "click": {"view_item": 0.5, "view_item_list": 0.3, "page_view": 0.2},
    "login": {"page_view": 0.3, "view_item": 0.4, "view_cart": 0.3},
    "sign_up": {"page_view": 0.3, "view_item": 0.5, "view_cart": 0.2},
    "add_to_cart": {
        "view_cart": 0.35,
        "view_item": 0.25,
        "view_item_list": 0.15,
        "begin_checkout": 0.25,
    },
    "remove_from_cart": {"view_item": 0.5, "view_cart": 0.3, "page_view": 0.2},
    "view_cart": {
        "begin_checkout": 0.5,
        "remove_from_cart": 0.12,
        "view_item": 0.28,
        "login": 0.1,
    },
    "begin_checkout": {"add_shipping_info": 0.7, "login": 0.1, "view_cart": 0.2},
    "add_shipping_info": {"add_payment_info": 0.85, "view_cart": 0.15},
    "add_payment_info": {"purchase": 0.85, "view_cart": 0.15},
    "purchase": {"page_view": 0.6, "view_item_list": 0.25, "refund": 0.05, "click": 0.1},
    "refund": {"page_view": 1.0},
}
NEXT_CUMULATED = np.array(
    [np.cumsum([NEXT[name].get(after, 0.0) for after in EVENT_NAMES]) for name in EVENT_NAMES]
)
NEXT_CUMULATED[:, -1] = 1.0
