-- Grain: one row per referral and the order it is asked for by.
select distinct referral_key, order_key
from {{ ref('int__referral_statement') }}
where order_key is not null
