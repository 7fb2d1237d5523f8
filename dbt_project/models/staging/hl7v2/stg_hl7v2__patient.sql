{{ config(materialized='table', database='scratch') }}
-- Grain: one row per patient named in a message (message, patient_group).
-- `""` clears a value everywhere; an empty text says that this feed has none (its list was replaced).
-- A name or an address that is valued replaces the one before it whole: a part left out is gone. Of several
-- the one to use counts; addresses of which none is to be used (a bad address) clear the one before them.
{% set names = ['n.family_name', 'n.given_name', 'n.other_given_names'] %}
{% set address = ['a.address_line', 'a.address_other', 'a.city', 'a.state', 'a.postal_code', 'a.country'] %}
with telecoms as (
    select
        source,
        received,
        message,
        patient_group,
        {% for contact in ['phone_mobile', 'phone_home', 'phone_work', 'email'] -%}
        max(case when contact = '{{ contact }}' and choice = 1 then value end) as {{ contact }}
        {{- "," if not loop.last }}
        {% endfor %}
    from {{ ref('stg_hl7v2__patient_telecom') }}
    group by source, received, message, patient_group
),

-- A list of contacts replaces the one before it.
contact_lists as (
    select
        source,
        received,
        message,
        patient_group,
        max(case when kind = 'home' then 1 else 0 end) = 1 as has_home,
        max(case when kind = 'business' then 1 else 0 end) = 1 as has_business
    from {{ source('lake', 'hl7v2__pid_telecom') }}
    group by source, received, message, patient_group
),

names as (
    select
        source,
        received,
        message,
        patient_group,
        {% for part in ['family_name', 'given_name', 'other_given_names'] -%}
        max(case when choice = 1 then {{ part }} end) as {{ part }},
        {% endfor %}
        max(case when choice = 1 then name_type end) as name_type,
        -- PID-5 without a type is the legal name.
        max(case when choice = 1 then coalesce({{ mapped('use', held('name_type')) }}, 'official') end)
            as name_use,
        {{ earliest_by(
            "case when choice is not null and coalesce(use_own.to_code, use_any.to_code)"
            ~ " in ('nickname', 'usual') then " ~ held('given_name') ~ " end",
            "coalesce(use_own.to_code, use_any.to_code) || lpad(cast(repeat as string), 6, '0')",
        ) }} as preferred_name
    from {{ ref('stg_hl7v2__patient_name') }} as n
    {{ join_code_map(ref('code_map_name_use'), 'use', 'n.source', 'n.name_type') }}
    group by source, received, message, patient_group
),

addresses as (
    select
        source,
        received,
        message,
        patient_group,
        {% for part in ['address_line', 'address_other', 'city', 'state', 'postal_code', 'country'] -%}
        max(case when choice = 1 then {{ part }} end) as {{ part }},
        {% endfor -%}
        max(choice) is null as is_unusable
    from {{ ref('stg_hl7v2__patient_address') }}
    group by source, received, message, patient_group
),

sexes as (
    select * from {{ chosen_coding(
        ref('stg_hl7v2__coding'), ['PID-8'], segment_keys(),
        ref('code_map_administrative_sex'), ref('coding_rank'), 'administrative_sex',
    ) }} as c
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.recorded_at,
    e.patient_group,
    coalesce(p.identity_unknown = 'Y', false) as is_unidentified,
    coalesce(e.processing_id in ('T', 'D'), false) as is_test_message,
    {{ replaced('n.family_name', names) }} as family_name,
    case
        when {{ held('n.other_given_names') }} is null or {{ held('n.given_name') }} is null
            then {{ replaced('n.given_name', names) }}
        else n.given_name || ' ' || n.other_given_names
    end as given_names,
    n.name_type as name_type_code,
    n.name_use,
    n.preferred_name,
    {{ person_key('d.primary_care', 'e.sender') }} as general_practitioner_key,
    case when p.birth_date_text = '""' then '""' else cast(p.birth_date as string) end as birth_date,
    x.to_code as administrative_sex,
    x.code as administrative_sex_code,
    case
        when {{ held('p.death_text') }} is not null or p.death_indicator in ('Y', 'DECEASED') then 'true'
        when p.death_indicator in ('N', '""') or p.death_text = '""' then 'false'
    end as is_deceased,
    {{ at_or_cleared('p.death') }} as deceased_at,
    case
        when p.phone_home = '""' then '""'
        when l.has_home then coalesce(t.phone_mobile, '')
        else t.phone_mobile
    end as phone_mobile,
    case
        when p.phone_home = '""' then '""'
        when l.has_home then coalesce(t.phone_home, '')
        else t.phone_home
    end as phone_home,
    case
        when p.phone_business = '""' then '""'
        when l.has_business then coalesce(t.phone_work, '')
        else t.phone_work
    end as phone_work,
    case
        when p.phone_home = '""' then '""'
        when l.has_home then coalesce(t.email, '')
        else t.email
    end as email,
    case
        when a.is_unusable then '""'
        when {{ held('a.address_other') }} is null or {{ held('a.address_line') }} is null
            then {{ replaced('a.address_line', address) }}
        else a.address_line || ', ' || a.address_other
    end as address_line,
    {% for part in ['city', 'state', 'postal_code'] -%}
    case when a.is_unusable then '""' else {{ replaced('a.' ~ part, address) }} end as {{ part }},
    {% endfor -%}
    p.language as preferred_language,
    case
        when e.effect = 'person_delete' then false
        when e.effect = 'person_add' or e.event_type in ('admitted', 'arrived', 'pre_admitted') then true
    end as is_active
from {{ ref('stg_hl7v2__patient_group') }} as e
inner join {{ source('lake', 'hl7v2__pid') }} as p
    on {{ same_message('e', 'p') }} and p.patient_group = e.patient_group
left join {{ first_in_group(source('lake', 'hl7v2__pd1')) }} as d
    on {{ same_message('e', 'd') }} and d.patient_group = e.patient_group
left join telecoms as t
    on {{ same_message('e', 't') }} and t.patient_group = e.patient_group
left join contact_lists as l
    on {{ same_message('e', 'l') }} and l.patient_group = e.patient_group
left join names as n
    on {{ same_message('e', 'n') }} and n.patient_group = e.patient_group
left join addresses as a
    on {{ same_message('e', 'a') }} and a.patient_group = e.patient_group
left join sexes as x
    on {{ same_message('e', 'x') }} and x.segment = p.segment
