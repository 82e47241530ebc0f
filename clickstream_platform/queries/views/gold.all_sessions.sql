-- gold.fact_sessions, whatever rows a reader keeps of it: to look up what other rows refer to.
select * from gold.fact_sessions
