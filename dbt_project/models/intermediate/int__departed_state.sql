-- Grain: one row per visit whose discharge disposition says more than that it ended.
with latest_by_feed as (
    select
        s.visit_key,
        a.movement_rank,
        {{ latest_by('s.discharge_disposition', 's.statement_order') }} as discharge_disposition
    from {{ ref('int__visit_statement') }} as s
    inner join {{ authority_ranks(ref('authority'), 'visit', ['movement']) }} as a on a.feed = s.feed
    group by s.visit_key, a.movement_rank
),

dispositions as (
    select
        visit_key,
        -- By feed first, then by rank: the export repeats a disposition that registration has corrected
        -- since, and its later arrival must not bring it back.
        {{ decided('discharge_disposition', 'movement_rank') }} as disposition
    from latest_by_feed
    group by visit_key
)

select
    visit_key,
    case disposition
        when 'exp' then 'deceased'
        when 'aadvice' then 'ama'
        when 'lwbs' then 'lwbs'
        when 'eloped' then 'eloped'
    end as departed_state
from dispositions
-- All other dispositions say where a patient went, which is no state of the visit.
where disposition in ('exp', 'aadvice', 'lwbs', 'eloped')
