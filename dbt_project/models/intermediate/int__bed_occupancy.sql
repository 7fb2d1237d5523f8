-- Grain: one row per bed that anybody occupied or bed management stated a status of, folded from both; the
-- later one decides.
with facts as (
    select
        bed_key,
        visit_key,
        'occupied' as fact,
        start_at as fact_at,
        start_order as event_order,
        '3' as rank_at_instant
    from {{ ref('int__bed_stay') }}
    union all
    select
        bed_key,
        visit_key,
        -- Of a stay that a rule closed without a discharge nobody knows when the bed was left.
        case when end_known_by = 'visit_closed' then 'unseen' else 'vacated' end as fact,
        end_at as fact_at,
        end_order as event_order,
        -- A stay that ends where it starts was one, and the bed is left after it.
        case when end_at > start_at then '1' else '4' end as rank_at_instant
    from {{ ref('int__bed_stay') }}
    -- A stay that goes on in the same bed (a bed that is stated twice) vacates
    -- nothing: nobody has to clean it.
    where end_order is not null and (next_bed_key is null or next_bed_key <> bed_key)
    union all
    select
        bed_key,
        {{ null_columns(['visit_key']) }},
        to_state as fact,
        occurred_at as fact_at,
        fold_order as event_order,
        '2' as rank_at_instant
    -- The statuses of bed management (A20, Location), which know no visit.
    from {{ ref('int__visit_event_fold') }}
    where is_effective and region = 'bed'
),

-- By one record a bed is left first, then its status is stated, then it is taken.
facts_in_order as (
    select
        *,
        {{ record_order('event_order') }} || rank_at_instant || event_order as fact_order
    from facts
),

sequenced as (
    select
        *,
        lag(fact) over (partition by bed_key order by fact_order) as fact_before,
        lag(visit_key) over (partition by bed_key order by fact_order) as visit_before
    from facts_in_order
),

-- A fact that repeats the one before it changes nothing; `O` after somebody came repeats it.
changes as (
    select
        *,
        case
            when fact = 'O' then coalesce(fact_before, '') not in ('occupied', 'O')
            -- Another patient in the same bed is a change, though nobody was seen to leave it.
            when fact = 'occupied' then coalesce(fact_before, '') <> 'occupied' or visit_before <> visit_key
            else coalesce(fact_before, '') <> fact
        end as is_change
    from sequenced
)

select
    bed_key,
    {{ latest_by('fact', 'fact_order') }} as last_fact,
    {{ latest_by('case when is_change then fact_at end', 'fact_order') }} as last_fact_at,
    -- What bed management itself stated last, kept apart from what follows from the stays of patients: where
    -- the two disagree, both are shown and counted, and neither is thrown away.
    {{ latest_by("case when fact not in ('occupied', 'vacated', 'unseen') then fact end", 'fact_order') }}
        as operational_status,
    max(case when fact in ('occupied', 'O') and is_change then fact_at end) as occupied_at,
    max(case when fact = 'vacated' then fact_at end) as vacated_at,
    -- Repeats do not count: a status that is sent every hour would never let a bed be dirty for long.
    max(case when fact in ('H', 'K') and is_change then fact_at end) as stated_dirty_at,
    max(case when fact = 'U' and is_change then fact_at end) as cleaned_at,
    max(case when fact = 'K' and is_change then fact_at end) as contaminated_at
from changes
group by bed_key
