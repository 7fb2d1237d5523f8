{{ config(materialized='ephemeral') }}
-- Grain: one row per visit, which may be a stay whose bed comes free or that waits for one, and one per
-- bed, which may be free; whether it is, by the criteria below, with the facts by which they and the
-- suppression are decided. Nothing here names a person.
{% set stay_criteria = [
    (
        'patient_is_in_a_bed',
        "main_state in ('boarding', 'discharge_ordered', 'ready_for_discharge', 'admitted', 'on_leave')",
    ),
    (
        'bed_comes_free_or_is_waited_for',
        "main_state in ('boarding', 'discharge_ordered', 'ready_for_discharge') or "
        ~ minutes_between(as_of(), 'expected_discharge_at') ~ ' <= 1440',
    ),
] %}
{% set bed_criteria = [
    ('bed_is_in_service', "coalesce(master_status, 'active') = 'active'"),
    (
        'bed_may_be_free',
        "state in ('vacated_dirty', 'cleaning', 'contaminated')"
        " or state_reason in ('status_not_reported', 'departure_not_stated')",
    ),
] %}
with stays as (
    select
        case when main_state = 'boarding' then 'boarder' else 'expected_discharge' end as row_type,
        visit_key,
        bed_key,
        location_key,
        main_state as state,
        state_since,
        -- A boarder frees no bed of a ward: the expected discharge is one from a
        -- bed that is still to be found.
        case when main_state <> 'boarding' then expected_discharge_at end as expected_vacate_at,
        expected_discharge_precision as vacate_precision,
        {{ has_flag('quality_flags', 'discharge_overdue') }} as is_overdue,
        {{ has_flag('quality_flags', 'no_news') }} as has_no_news,
        {{ null_columns(['state_reason']) }},
        case when main_state <> 'boarding' then discharge_ordered_at end as discharge_ordered_at,
        coalesce(last_change_ref, source_ref) as source_ref,
        -- A day ahead, those overdue among them: what is planned for later is nobody's work tonight.
        {{ criteria_hold(stay_criteria) }} as is_candidate,
        {{ failed_criteria(stay_criteria) }} as failed_criteria
    from {{ ref('canonical__visit') }}
),

beds as (
    select
        'bed_turnover' as row_type,
        cast(null as string) as visit_key,
        bed_key,
        location_key,
        -- The folded state and never the status stated last: a bed stated to be dirty before the next patient
        -- came is occupied.
        state,
        coalesce(dirty_at, vacated_at, state_since) as state_since,
        cast(null as {{ instant_type() }}) as expected_vacate_at,
        cast(null as string) as vacate_precision,
        false as is_overdue,
        false as has_no_news,
        state_reason,
        cast(null as {{ instant_type() }}) as discharge_ordered_at,
        source_ref,
        -- Left by a patient, and nobody states whether it has been cleaned: that bed may be free, too.
        {{ criteria_hold(bed_criteria) }} as is_candidate,
        {{ failed_criteria(bed_criteria) }} as failed_criteria
    from {{ ref('canonical__bed') }}
),

all_considered as (
    select * from stays
    union all
    select * from beds
)

select
    c.row_type || '|' || coalesce(c.visit_key, c.bed_key) as subject_key,
    -- Never set, so that `worklist__suppression` names no person either.
    cast(null as string) as patient_key,
    c.row_type,
    c.visit_key,
    {{ null_columns(['referral_key']) }},
    c.bed_key,
    {{ facility_of('coalesce(b.facility, l.facility)', 'c.source_ref') }} as facility_id,
    coalesce(b.unit, l.unit) as unit,
    coalesce(b.room, l.room) as room,
    coalesce(b.bed_label, l.bed) as bed,
    coalesce(b.unit, l.unit, l.name) is not null as is_place_known,
    c.state,
    c.state_since,
    c.expected_vacate_at,
    c.vacate_precision,
    c.is_overdue,
    c.has_no_news,
    c.state_reason,
    c.discharge_ordered_at,
    c.source_ref,
    c.is_candidate,
    c.failed_criteria,
    {{ facts([
        ('state', 'c.state'),
        ('state_since', local_date('c.state_since')),
        ('state_reason', 'c.state_reason'),
        ('expected_free_on', local_date('c.expected_vacate_at')),
        ('master_status', 'b.master_status'),
        ('place_is_known', 'coalesce(b.unit, l.unit, l.name) is not null'),
    ]) }} as facts
from all_considered as c
left join {{ ref('canonical__bed') }} as b on b.bed_key = c.bed_key
left join {{ ref('canonical__location') }} as l on l.location_key = c.location_key
