{{ config(materialized='table', database='scratch') }}
-- Grain: one row per way in which a telecom of a patient is written (XTN.1, XTN.5 to 8, XTN.12, and XTN.4 for
-- e-mail); `choice` 1 is the one to use of those that serve as one contact of the patient. What follows the
-- number in XTN.1 as B or C is a beeper code or a comment (2.3).
{% set composed -%}
case
                when {{ matches("coalesce(country_code, '')", '[+]?0*[0-9]{1,3}') }}
                    then '+' || ltrim({{ digits('country_code') }}, '0') || ' '
                when {{ held('country_code') }} is null then ''
                when upper(country_code) in ('US', 'USA', 'CA', 'CAN') then '+1 '
            end || coalesce({{ held('area_code') }}, '') || {{ held('local_number') }}
{%- endset %}
{% set extension -%}
coalesce(' x' || {{ held('extension') }}, '')
{%- endset %}
with telecoms as (
    select
        t.*,
        case t.kind when 'home' then 1 when 'any' then 2 else 3 end as kind_order,
        case t.kind when 'business' then 'work' when 'home' then 'home' else 'none' end as use_of_field,
        coalesce({{ mapped('system', held('t.equipment')) }}, 'phone') as equipment_system,
        {{ mapped('use', held('t.use')) }} as stated_use,
        {{ part_of(held('t.number'), '^(.*?[0-9])(?:B[0-9]+)?(?:C.*)?$', 1) }} as number_alone
    from {{ source('lake', 'hl7v2__pid_telecom') }} as t
    {{ join_code_map(ref('code_map_telecom_system'), 'system', 't.source', 't.equipment') }}
    {{ join_code_map(ref('code_map_telecom_use'), 'use', 't.source', 't.use') }}
),

ways as (
    select
        *,
        1 as way,
        equipment_system as telecom_system,
        coalesce(nullif(number_alone, ''), {{ held('number') }})
        || case when {{ matches('number_alone', '[0-9 ().+/-]+') }} then {{ extension }} else '' end as stated
    from telecoms
    where {{ held('number') }} not like '%@%'
    union all
    select
        *,
        2 as way,
        equipment_system as telecom_system,
        {{ composed }} || {{ extension }} as stated
    from telecoms
    union all
    select
        *,
        3 as way,
        equipment_system as telecom_system,
        {{ held('full_number') }} || {{ extension }} as stated
    from telecoms
    union all
    select
        *,
        4 as way,
        'email' as telecom_system,
        {{ part_of(
            "trim(coalesce(" ~ held('email') ~ ", " ~ held('number') ~ "))",
            '^(?:[Mm][Aa][Ii][Ll][Tt][Oo]:)?[ ]*(.*@.*)$',
            1,
        ) }} as stated
    from telecoms
),

written_telecoms as (
    select
        *,
        coalesce(stated_use, use_of_field) as telecom_use,
        {{ calling_code_of('source') }} as calling_code,
        {{ days_hold('w') }} as is_current,
        try_cast(preference as integer) as stated_preference,
        kind_order * 100000 + repeat * 10 + way as place
    from ways as w
    where nullif(trim(stated), '') is not null
),

ranked_telecoms as (
    {{ ranked_telecoms(
        'patient', ref('telecom_choice'), 'written_telecoms',
        keys=['source', 'received', 'message', 'patient_group'], preference='stated_preference',
    ) }}
)

select
    r.*,
    r.source as source_system,
    t.file || '#' || cast(t.message as string) as source_ref,
    t.equipment,
    t.use as use_code
from ranked_telecoms as r
inner join telecoms as t
    on {{ in_same_message('r', 't') }}
    and t.patient_group = r.patient_group
    and t.kind_order * 100000 + t.repeat * 10 = r.place - r.place % 10
