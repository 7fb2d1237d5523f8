-- All repeats, remembered and new, with one row per stored row of raw: the latest counts.
select
    source, received, line,
    max((repeat_received, repeat_line))[1] as repeat_received,
    max((repeat_received, repeat_line))[2] as repeat_line,
    max(transaction_time) as transaction_time, bool_or(is_beside_another) as is_beside_another
from (select * from raw_fhir__repeat union all select * from new_repeat)
group by source, received, line
