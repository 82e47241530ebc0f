-- silver.products, one row per product and version; `is_current` is the newest version known.
select
    products.*,
    products.valid_to is null as is_current,
    case
        when products.price < 50 then 'low'
        when products.price < 500 then 'middle'
        when products.price is not null then 'high'
    end as price_band
from silver.products as products
