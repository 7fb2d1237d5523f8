-- Grain: one row per record of a patient (record_ref, part): the record of a person that it is about, by
-- its best identifier. One that identifies nobody (a placeholder, an insurance number) leaves the next
-- best: any other number of the patient, the account, the visit or appointment, else the record itself.
with retired as (
    select
        s.surviving_record_ref,
        i.identifier_text,
        s.statement_order
    from {{ ref('int__patient_merge_statement') }} as s
    inner join {{ ref('int__patient_identifier') }} as i
        on i.record_ref = s.prior_record_ref and i.part = s.prior_part
    where s.effect = 'merge' and not s.is_of_resource
),

-- Of what a record names, a number that was merged into another names the person before the merge.
retirements as (
    select
        identifier_text,
        min(statement_order) as statement_order
    from retired
    group by identifier_text
),

-- Of two resources, what both have is the survivor's.
given_away as (
    select distinct
        s.prior_record_ref as record_ref,
        i.identifier_text
    from {{ ref('int__patient_merge_statement') }} as s
    inner join {{ ref('int__patient_identifier') }} as i
        on i.record_ref = s.surviving_record_ref and i.part = 'own'
    where s.is_of_resource
),

ranked_identifiers as (
    select
        i.*,
        a.own_patient_key as alias_key,
        row_number() over (
            partition by i.record_ref, i.part
            order by
                case when i.is_identifying then 0 when i.is_placeholder then 2 else 1 end,
                case when a.is_contested then 1 else 0 end,
                case when g.record_ref is not null then 1 else 0 end,
                case when r.statement_order <= i.statement_order and i.part = 'own' then 1 else 0 end,
                case when i.is_old then 1 else 0 end,
                i.kind_rank,
                i.first_order,
                i.identifier_text
        ) as identifier_rank,
        max(case when a.is_contested or a.is_conflict then 1 else 0 end) over (
            partition by i.record_ref, i.part
        ) = 1 as is_in_conflict
    from {{ ref('int__patient_identifier') }} as i
    left join {{ ref('int__patient_alias') }} as a
        on a.identifier_text = i.identifier_text and i.is_identifying
    left join retirements as r on r.identifier_text = i.identifier_text
    left join given_away as g
        on g.record_ref = i.record_ref and g.identifier_text = i.identifier_text and i.part = 'own'
),

-- What else a message says whose part it is; without any of it, the message is the only thing known.
others as (
    select
        {{ message_record_ref('g') }} as record_ref,
        min(case
            when {{ held('p.account_id') }} is not null
                then {{ key('patient', [
                    'coalesce(' ~ authority_of('a', 'p.account_authority', 'p.account_authority_universal_id')
                        ~ ', g.sender)',
                    "'AN'",
                    'p.account_id',
                ]) }}
        end) as account_key,
        min(case
            when v.visit_number is not null
                then {{ key('patient', [
                    'coalesce(v.visit_number_authority, g.sender)', "'VN'", 'v.visit_number'
                ]) }}
        end) as visit_key,
        min({{ key('patient', [
            'coalesce(case when s.filler_id is not null then s.filler_authority else s.placer_authority end'
                ~ ', g.sender)',
            "'APPT'",
            'coalesce(s.filler_id, s.placer_id)',
        ]) }}) as appointment_key,
        {{ key('patient', ["'message'", 'min(g.content_sha256)', 'cast(min(g.patient_group) as string)']) }}
            as message_key
    from {{ ref('stg_hl7v2__patient_group') }} as g
    inner join {{ source('lake', 'hl7v2__pid') }} as p
        on {{ same_message('g', 'p') }} and p.patient_group = g.patient_group
    left join {{ ref('stg_hl7v2__visit') }} as v on {{ same_patient_group('g', 'v') }}
    left join {{ ref('stg_hl7v2__appointment') }} as s
        on {{ same_staged_message('g', 's') }} and g.patient_group = 1
    {{ join_authority(
        ref('stg_hl7v2__authority'), 'a', 'p.account_authority', 'p.account_authority_universal_id'
    ) }}
    group by {{ message_record_ref('g') }}
)

select
    i.record_ref,
    i.part,
    i.source_system,
    i.received,
    i.message,
    i.patient_group,
    i.resource_id,
    i.statement_order,
    case
        when i.is_identifying then i.alias_key
        when not i.is_placeholder
            then {{ key('patient', ['i.identifier_authority', 'i.identifier_type', 'i.identifier_value']) }}
        else coalesce(o.account_key, o.visit_key, o.appointment_key, o.message_key)
    end as own_patient_key,
    i.is_identifying,
    i.is_in_conflict
from ranked_identifiers as i
left join others as o on o.record_ref = i.record_ref
where i.identifier_rank = 1 and (i.part = 'own' or i.is_identifying)
