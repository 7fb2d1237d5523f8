-- Grain: one row per event of canonical__visit_event, with what its type means for appointment, location
-- and bed, the order in which states are folded, and whether it is effective: counts in a fold.
select
    e.*,
    k.region,
    k.appointment_status as type_appointment_status,
    k.location_effect,
    {{ fold_order('e', 'k', 'e.event_id') }} as fold_order,
    -- State is only ever folded from the published table, so its flags decide what counts.
    not e.is_cancelled
        and not {{ has_flag('e.quality_flags', 'confirmed_by_other_source') }}
        and not {{ has_flag('e.quality_flags', 'outranked') }}
        and not {{ has_flag('e.quality_flags', 'superseded') }}
        and not {{ is_waiting_cancel('e') }} as is_effective
from {{ ref('canonical__visit_event') }} as e
inner join {{ ref('event_type') }} as k on k.event_type = e.event_type
