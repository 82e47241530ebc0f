-- gold.fact_transactions, whatever rows a reader keeps of it: to look up what other rows refer to.
-- (Orders have no device or channel; the sessions they are looked up for do.)
select * from gold.fact_transactions
