-- Grain: one row per identifier that a record states of a patient: of the patient it is about (part
-- `own`) or of the one before it in a merge (`prior`), with who assigned it and whether it identifies a
-- patient. A record is a patient's part of a message, or a Patient resource (`record_ref`); the id of a
-- resource is an identifier, too.
{% set origin = [
    'record_ref', 'part', 'source_system', 'source_ref', 'received', 'message', 'patient_group',
    'resource_id', 'feed', 'statement_order', 'first_order', 'recorded_at', 'identifier_value', 'is_old',
] %}
{% set of_message -%}
        i.source_system,
        i.source_ref,
        i.received,
        i.message,
        i.patient_group,
        cast(null as string) as resource_id,
        i.feed
{%- endset %}
{% set of_resource -%}
        i.source_system,
        i.source_ref,
        cast(null as bigint) as received,
        cast(null as bigint) as message,
        cast(null as bigint) as patient_group,
        i.resource_id,
        {{ fhir_feed('i.source_system') }} as feed,
        i.statement_order
{%- endset %}
with stated as (
    select
        {{ message_record_ref('i') }} as record_ref,
        'own' as part,
        {{ of_message }},
        g.statement_order,
        g.statement_order as first_order,
        g.recorded_at,
        i.sender,
        i.identifier_authority,
        i.identifier_type,
        -- The legacy fields hold anything: a number that names neither authority nor type says nothing.
        case
            when i.field = 'PID-3' then 'MR'
            when i.identifier_authority is not null then 'PT'
            else 'unknown'
        end as default_type,
        i.identifier_type_code,
        i.identifier_value,
        i.is_old
    from {{ ref('stg_hl7v2__patient_identifier') }} as i
    inner join {{ ref('stg_hl7v2__patient_group') }} as g on {{ same_patient_group('i', 'g') }}
    union all
    select
        {{ message_record_ref('i') }} as record_ref,
        'prior' as part,
        {{ of_message }},
        i.statement_order,
        i.statement_order as first_order,
        i.recorded_at,
        i.sender,
        i.identifier_authority,
        i.identifier_type,
        case
            when i.field = 'MRG-1' then 'MR'
            when i.identifier_authority is not null then 'PT'
            else 'unknown'
        end as default_type,
        {{ null_columns(['identifier_type_code']) }},
        i.identifier_value,
        false as is_old
    from {{ ref('stg_hl7v2__merge') }} as i
    union all
    select
        {{ resource_record_ref('i') }} as record_ref,
        'own' as part,
        {{ of_resource }},
        i.first_order,
        i.recorded_at,
        i.source_system as sender,
        i.identifier_authority,
        i.identifier_type,
        'unknown' as default_type,
        i.identifier_type_code,
        i.identifier_value,
        i.is_old
    from {{ ref('stg_fhir__patient_identifier') }} as i
    union all
    select
        {{ resource_record_ref('i') }} as record_ref,
        'own' as part,
        {{ of_resource }},
        i.first_order,
        i.recorded_at,
        i.source_system as sender,
        i.source_system as identifier_authority,
        'FHIR' as identifier_type,
        'FHIR' as default_type,
        {{ null_columns(['identifier_type_code']) }},
        i.resource_id as identifier_value,
        false as is_old
    from {{ ref('stg_fhir__patient') }} as i
),

kinds as (
    select
        identifier_type,
        identifies = 'true' as is_of_one_patient,
        cast(rank as integer) as kind_rank
    from {{ ref('identifier_kind') }}
),

-- Of an identifier that names no authority: the only one that its sender names for the same number.
named_values as (
    select
        s.sender,
        s.identifier_value,
        min(s.identifier_authority) as identifier_authority
    from stated as s
    inner join kinds as k on k.identifier_type = coalesce(s.identifier_type, s.default_type)
    where s.identifier_authority is not null and k.is_of_one_patient and k.identifier_type <> 'FHIR'
    group by s.sender, s.identifier_value
    having count(distinct s.identifier_authority) = 1
),

-- A merge names the prior number as it does the number that stays (MRG-1 like PID-3).
group_authorities as (
    select
        record_ref,
        {{ earliest_by(
            'identifier_authority',
            "case when coalesce(identifier_type, default_type) = 'MR' then '0' else '1' end"
                ~ " || identifier_authority || identifier_value"
        ) }} as identifier_authority
    from stated
    where part = 'own'
    group by record_ref
),

assigned as (
    select
        {% for name in origin %}
        s.{{ name }},
        {% endfor %}
        s.identifier_type,
        s.default_type,
        s.identifier_type_code,
        coalesce(
            s.identifier_authority,
            d.authority,
            n.identifier_authority,
            case when s.part = 'prior' then g.identifier_authority end,
            s.sender
        ) as identifier_authority
    from stated as s
    left join {{ ref('authority_default') }} as d
        on d.source_system = s.source_system and d.object = 'patient'
    left join named_values as n
        on n.sender = s.sender and n.identifier_value = s.identifier_value
    left join group_authorities as g on g.record_ref = s.record_ref
),

-- Of an identifier without a type: the only type that is stated for it.
typed_values as (
    select
        a.identifier_authority,
        a.identifier_value,
        min(a.identifier_type) as identifier_type
    from assigned as a
    inner join kinds as k on k.identifier_type = a.identifier_type
    where k.is_of_one_patient
    group by a.identifier_authority, a.identifier_value
    having count(distinct a.identifier_type) = 1
),

typed as (
    select
        {% for name in origin %}
        a.{{ name }},
        {% endfor %}
        a.identifier_authority,
        -- A type that nobody knows keeps its code: two of them are two kinds of number.
        case
            when a.identifier_type = 'unmapped' then 'unmapped:' || a.identifier_type_code
            else coalesce(a.identifier_type, t.identifier_type, a.default_type)
        end as identifier_type
    from assigned as a
    left join typed_values as t
        on t.identifier_authority = a.identifier_authority and t.identifier_value = a.identifier_value
),

distinct_values as (
    select distinct
        identifier_value,
        {{ compared_value('identifier_value') }} as compared_value
    from typed
    where identifier_type <> 'FHIR'
),

placeholders as (
    select distinct v.identifier_value
    from distinct_values as v
    inner join {{ ref('placeholder_value') }} as p
        on p.element = 'identifier' and {{ is_placeholder('p', 'v.compared_value') }}
)

select
    t.*,
    t.identifier_authority || '|' || t.identifier_type || '|' || t.identifier_value as identifier_text,
    p.identifier_value is not null and t.identifier_type <> 'FHIR' as is_placeholder,
    coalesce(k.is_of_one_patient, false)
        and (p.identifier_value is null or t.identifier_type = 'FHIR') as is_identifying,
    coalesce(k.kind_rank, 50) as kind_rank
from typed as t
left join kinds as k on k.identifier_type = t.identifier_type
left join placeholders as p on p.identifier_value = t.identifier_value
