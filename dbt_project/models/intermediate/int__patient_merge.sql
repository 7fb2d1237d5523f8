-- Grain: one row per record of a patient that a statement says was replaced by another.
-- Registration is the authority: what it reports is applied. Where the two records disagreed at the time
-- on date of birth or sex, they may be two people: `is_in_conflict`; until a registrar decides
-- (registrar_decision), the merge is in question, and applied or not as `merge_on_conflict` says. A later
-- statement that takes it back (`unlink`) undoes it, and so does a decision.
{% set best_text = "lpad(cast(i.kind_rank as string), 3, '0') || i.identifier_text" %}
with priors as (
    select
        s.merge_ref,
        s.effect,
        a.own_patient_key as prior_own_key,
        {{ earliest_by('i.identifier_text', best_text) }}
            as prior_text
    from {{ ref('int__patient_merge_statement') }} as s
    inner join {{ ref('int__patient_identifier') }} as i
        on i.record_ref = s.prior_record_ref and i.part = s.prior_part and i.is_identifying
    inner join {{ ref('int__patient_alias') }} as a on a.identifier_text = i.identifier_text
    where not s.is_of_resource
    group by s.merge_ref, s.effect, a.own_patient_key
),

survivors as (
    select
        i.record_ref,
        {{ earliest_by('i.identifier_text', best_text) }}
            as surviving_text
    from {{ ref('int__patient_identifier') }} as i
    where i.part = 'own' and i.is_identifying
    group by i.record_ref
),

statements as (
    select
        s.*,
        p.prior_own_key,
        r.own_patient_key as surviving_own_key,
        p.prior_text,
        t.surviving_text
    from {{ ref('int__patient_merge_statement') }} as s
    inner join priors as p on p.merge_ref = s.merge_ref and p.effect = s.effect
    inner join {{ ref('int__patient_record') }} as r
        on r.record_ref = s.surviving_record_ref and r.part = 'own'
    inner join survivors as t on t.record_ref = s.surviving_record_ref
    union all
    select
        s.*,
        p.own_patient_key as prior_own_key,
        -- The survivor may come later, or never: whoever is replaced is no longer in use all the same.
        coalesce(
            r.own_patient_key, {{ key('patient', ['s.source_system', "'FHIR'", 's.surviving_resource_id']) }}
        ) as surviving_own_key,
        s.prior_record_ref as prior_text,
        s.surviving_record_ref as surviving_text
    from {{ ref('int__patient_merge_statement') }} as s
    inner join {{ ref('int__patient_record') }} as p
        on p.record_ref = s.prior_record_ref and p.part = 'own'
    left join {{ ref('int__patient_record') }} as r
        on r.record_ref = s.surviving_record_ref and r.part = 'own'
    where s.is_of_resource
),

-- A37 names the two records, one after the other, each with its own PID.
unlinked_pairs as (
    select
        least(one.own_patient_key, other.own_patient_key) as lesser_key,
        greatest(one.own_patient_key, other.own_patient_key) as greater_key,
        g.statement_order
    from {{ ref('stg_hl7v2__patient_group') }} as g
    inner join {{ ref('int__patient_record') }} as one
        on {{ same_patient_group('g', 'one') }} and one.part = 'own'
    inner join {{ ref('int__patient_record') }} as other
        on other.source_system = g.source_system
        and other.received = g.received
        and other.message = g.message
        and other.patient_group = g.patient_group + 1
        and other.part = 'own'
    where g.effect = 'unlink' and g.patient_group = 1
    union all
    select
        least(prior_own_key, surviving_own_key) as lesser_key,
        greatest(prior_own_key, surviving_own_key) as greater_key,
        statement_order
    from statements
    where effect = 'unlink'
),

unlinks as (
    select
        lesser_key,
        greater_key,
        max(statement_order) as statement_order
    from unlinked_pairs
    group by lesser_key, greater_key
),

stated_merges as (
    select
        {{ key('merge', ['prior_text', 'surviving_text']) }} as merge_key,
        prior_own_key,
        surviving_own_key,
        least(prior_own_key, surviving_own_key) as lesser_key,
        greatest(prior_own_key, surviving_own_key) as greater_key,
        statement_order,
        recorded_at,
        is_stamped,
        source_system,
        source_ref,
        source_trigger,
        control_id,
        feed
    from statements
    where effect = 'merge' and prior_own_key <> surviving_own_key
),

-- A decision is about the two records, whichever of their merges it named.
decided_pairs as (
    select
        m.lesser_key,
        m.greater_key,
        {{ latest_by('d.decision', time_text('d.decided_at') ~ " || d.decision") }} as decision,
        max(d.decided_at) as decided_at
    from stated_merges as m
    inner join {{ source('lake', 'registrar_decision') }} as d on d.merge_key = m.merge_key
    group by m.lesser_key, m.greater_key
),

profiles as (
    select
        r.own_patient_key,
        p.statement_order,
        p.birth_date,
        p.administrative_sex
    from {{ ref('int__patient_profile') }} as p
    inner join {{ ref('int__patient_record') }} as r on r.record_ref = p.record_ref and r.part = 'own'
),

-- As they were at the merge, else as they were stated first after it.
{% for side in ['prior', 'surviving'] %}
{{ side }}_profiles as (
    select
        m.prior_own_key,
        m.surviving_own_key,
        m.statement_order,
        {% for name in ['birth_date', 'administrative_sex'] %}
        coalesce(
            {{ latest_by(
                'case when p.statement_order <= m.statement_order then p.' ~ name ~ ' end',
                'p.statement_order',
            ) }},
            {{ earliest_by('p.' ~ name, 'p.statement_order') }}
        ) as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from (select distinct prior_own_key, surviving_own_key, statement_order from stated_merges) as m
    inner join profiles as p on p.own_patient_key = m.{{ side }}_own_key
    group by m.prior_own_key, m.surviving_own_key, m.statement_order
),

{% endfor %}
compared as (
    select
        m.*,
        d.decision,
        d.decided_at,
        coalesce(u.statement_order > m.statement_order, false) as is_unlinked,
        -- What one of the two does not state contradicts nothing, or no bare record could ever be merged.
        coalesce(p.birth_date <> s.birth_date, false) as is_birth_date_in_conflict,
        coalesce(p.administrative_sex <> s.administrative_sex, false) as is_sex_in_conflict
    from stated_merges as m
    left join unlinks as u on u.lesser_key = m.lesser_key and u.greater_key = m.greater_key
    left join decided_pairs as d on d.lesser_key = m.lesser_key and d.greater_key = m.greater_key
    left join prior_profiles as p
        on p.prior_own_key = m.prior_own_key
        and p.surviving_own_key = m.surviving_own_key
        and p.statement_order = m.statement_order
    left join surviving_profiles as s
        on s.prior_own_key = m.prior_own_key
        and s.surviving_own_key = m.surviving_own_key
        and s.statement_order = m.statement_order
),

checked as (
    select
        *,
        is_birth_date_in_conflict or is_sex_in_conflict as is_in_conflict
    from compared
)

select
    merge_key,
    prior_own_key,
    surviving_own_key,
    statement_order,
    recorded_at,
    is_stamped,
    source_system,
    source_ref,
    source_trigger,
    control_id,
    feed,
    decision,
    decided_at,
    is_unlinked,
    is_birth_date_in_conflict,
    is_sex_in_conflict,
    is_in_conflict,
    is_in_conflict and decision is null and not is_unlinked as is_in_question,
    case
        when decision = 'undo' or is_unlinked then false
        when decision = 'apply' then true
        else not is_in_conflict or '{{ var("merge_on_conflict") }}' = 'apply'
    end as is_applied
from checked
