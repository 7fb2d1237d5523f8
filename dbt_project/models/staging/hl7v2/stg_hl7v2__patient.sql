-- Grain: one row per patient named in a message (message, patient_group).
-- `""` clears a value everywhere; an empty text says that this feed has none (its list was replaced).
-- A name or an address that is valued replaces the one before it whole: a part left out is gone.
{% set mobile_phone = "case when equipment = 'CP' or use = 'PRS' then phone end" %}
{% set work_phone = "case when kind = 'business' or use = 'WPN' then phone end" %}
{% set home_phone -%}
case
            when
                kind = 'home'
                and coalesce(equipment, 'PH') = 'PH'
                and coalesce(use, '') not in ('NET', 'PRS')
                then phone
        end
{%- endset %}
{% set names = ['p.family_name', 'p.given_name', 'p.other_given_names'] %}
{% set address = ['p.address_line', 'p.address_other', 'p.city', 'p.state', 'p.postal_code', 'p.country'] %}
-- Home numbers (PID-13) come before those of any kind (PID-40), and these before business numbers (PID-14).
with ordered_telecoms as (
    select
        *,
        coalesce(number, full_number) as phone,
        case kind when 'home' then '1' when 'any' then '2' else '3' end
        || lpad(cast(repeat as string), 4, '0') as telecom_order
    from {{ source('lake', 'hl7v2__pid_telecom') }}
),

telecoms as (
    select
        source,
        received,
        message,
        patient_group,
        max(case when kind = 'home' then 1 else 0 end) = 1 as has_home,
        max(case when kind = 'business' then 1 else 0 end) = 1 as has_business,
        {{ earliest_by(mobile_phone, 'telecom_order') }} as phone_mobile,
        {{ earliest_by(home_phone, 'telecom_order') }} as phone_home,
        {{ earliest_by(work_phone, 'telecom_order') }} as phone_work,
        {{ earliest_by("coalesce(email, case when use = 'NET' then number end)", 'telecom_order') }} as email
    from ordered_telecoms
    group by source, received, message, patient_group
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.recorded_at,
    e.patient_group,
    e.own_patient_key,
    e.own_authority,
    e.own_type,
    e.own_value,
    {{ replaced('p.family_name', names) }} as family_name,
    case
        when {{ held('p.other_given_names') }} is null or {{ held('p.given_name') }} is null
            then {{ replaced('p.given_name', names) }}
        else p.given_name || ' ' || p.other_given_names
    end as given_names,
    case when p.birth_date_text = '""' then '""' else cast(p.birth_date as string) end as birth_date,
    {{ mapped('sex', 'p.administrative_sex') }} as administrative_sex,
    p.administrative_sex as administrative_sex_code,
    case
        when {{ held('p.death_text') }} is not null or p.death_indicator in ('Y', 'DECEASED') then 'true'
        when p.death_indicator in ('N', '""') or p.death_text = '""' then 'false'
    end as is_deceased,
    {{ at_or_cleared('p.death') }} as deceased_at,
    case
        when p.phone_home = '""' then '""'
        when t.has_home then coalesce(t.phone_mobile, '')
        else t.phone_mobile
    end as phone_mobile,
    case
        when p.phone_home = '""' then '""'
        when t.has_home then coalesce(t.phone_home, '')
        else t.phone_home
    end as phone_home,
    case
        when p.phone_business = '""' then '""'
        when t.has_business then coalesce(t.phone_work, '')
        else t.phone_work
    end as phone_work,
    case
        when p.phone_home = '""' then '""'
        when t.has_home then coalesce(t.email, '')
        else t.email
    end as email,
    case
        when {{ held('p.address_other') }} is null or {{ held('p.address_line') }} is null
            then {{ replaced('p.address_line', address) }}
        else p.address_line || ', ' || p.address_other
    end as address_line,
    {{ replaced('p.city', address) }} as city,
    {{ replaced('p.state', address) }} as state,
    {{ replaced('p.postal_code', address) }} as postal_code,
    p.language as preferred_language,
    case
        when e.effect = 'person_delete' then false
        when e.effect = 'person_add' or e.event_type in ('admitted', 'arrived', 'pre_admitted') then true
    end as is_active
from {{ ref('stg_hl7v2__patient_key') }} as e
inner join {{ source('lake', 'hl7v2__pid') }} as p
    on {{ same_message('e', 'p') }} and p.patient_group = e.patient_group
left join telecoms as t
    on t.source = e.source_system
    and t.received = e.received
    and t.message = e.message
    and t.patient_group = e.patient_group
{{ join_code_map(ref('code_map_administrative_sex'), 'sex', 'e.source_system', 'p.administrative_sex') }}
