-- Grain: one row per patient_key; a merged patient keeps its own row.
{% set demographics = [
    'family_name',
    'given_names',
    'birth_date',
    'administrative_sex',
    'address_line',
    'city',
    'state',
    'postal_code',
    'preferred_language',
] %}
{% set contacts = ['phone_mobile', 'phone_home', 'phone_work', 'email'] %}
with by_feed as (
    select
        own_patient_key,
        feed,
        min(own_authority) as own_authority,
        min(own_type) as own_type,
        min(own_value) as own_value,
        {% for name in demographics + contacts + ['is_deceased', 'deceased_at', 'is_active'] %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        {% for name in contacts %}
        -- When this contact itself was stated last, not when the feed last said anything: a snapshot without
        -- a phone number must not make an old number young.
        max(case when {{ name }} is not null then statement_order end) as {{ name }}_order,
        {% endfor %}
        max(case when is_test then 1 else 0 end) as is_test,
        {{ latest_by('source_system', 'statement_order') }} as source_system,
        {{ latest_by('source_ref', 'statement_order') }} as source_ref,
        {{ latest_by('recorded_at', 'statement_order') }} as recorded_at,
        max(statement_order) as statement_order
    from {{ ref('int__patient_statement') }}
    group by own_patient_key, feed
),

-- Demographics by the best-ranked feed, contacts by the feed that stated them last.
decided as (
    select
        f.own_patient_key,
        min(f.own_authority) as own_authority,
        min(f.own_type) as own_type,
        min(f.own_value) as own_value,
        {% for name in demographics %}
        {{ decided('f.' ~ name, 'a.demographics_rank') }} as {{ name }},
        {% endfor %}
        {% for name in contacts %}
        {{ decided_by_recency('f.' ~ name, 'f.' ~ name ~ '_order', 'a.contact_rank') }} as {{ name }},
        {% endfor %}
        -- Any feed: a death that one alone has heard of must keep the patient off every list.
        max(case when f.is_deceased = 'true' then 1 else 0 end) = 1 as is_deceased,
        {{ decided_at('f.deceased_at', 'a.demographics_rank') }} as deceased_at,
        min(case when f.is_active then 1 when not f.is_active then 0 end) as is_active,
        max(f.is_test) as is_test,
        count(distinct nullif(nullif(f.birth_date, ''), '""')) as birth_dates,
        count(distinct nullif(nullif(f.administrative_sex, ''), '""')) as sexes,
        {{ latest_by('f.source_system', 'f.statement_order') }} as source_system,
        {{ latest_by('f.source_ref', 'f.statement_order') }} as source_ref,
        {{ latest_by('f.recorded_at', 'f.statement_order') }} as recorded_at
    from by_feed as f
    left join {{ authority_ranks(ref('authority'), 'patient', ['demographics', 'contact']) }} as a
        on a.feed = f.feed
    group by f.own_patient_key
),

-- A visit that ended in death, unless that end was cancelled.
deaths as (
    select distinct surviving_patient_key as patient_key
    from {{ ref('int__visit_event') }}
    where stated_state = 'deceased' and is_base and surviving_patient_key is not null
),

-- A death stated of any identifier of a person holds for all of them.
persons as (
    select
        d.*,
        s.patient_key as merged_into_patient_key,
        max(case when d.is_deceased or v.patient_key is not null then 1 else 0 end) over (
            partition by coalesce(s.patient_key, d.own_patient_key)
        ) = 1 as has_died
    from decided as d
    left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = d.own_patient_key
    left join deaths as v on v.patient_key = coalesce(s.patient_key, d.own_patient_key)
),

-- Both sides of a merge that waits for a registrar.
merge_conflicts as (
    select prior_own_key as own_patient_key
    from {{ ref('int__patient_merge') }}
    where is_in_conflict
    union
    select surviving_own_key as own_patient_key
    from {{ ref('int__patient_merge') }}
    where is_in_conflict
),

links as (
    select
        patient_key,
        {{ collect_set('linked_patient_key') }} as linked_patient_keys
    from {{ ref('int__patient_link') }}
    group by patient_key
)

select
    p.own_patient_key as patient_key,
    case when p.own_type = 'MR' then p.own_value end as mrn,
    case when p.own_type = 'MR' then p.own_authority end as mrn_authority,
    p.family_name,
    p.given_names,
    cast(p.birth_date as date) as birth_date,
    p.administrative_sex,
    p.has_died as is_deceased,
    p.deceased_at,
    p.phone_mobile,
    p.phone_home,
    p.phone_work,
    p.email,
    p.address_line,
    p.city,
    p.state,
    p.postal_code,
    p.preferred_language,
    case
        when p.merged_into_patient_key is not null then 'merged'
        when p.is_test = 1 then 'test'
        when p.is_active = 0 then 'inactive'
        else 'active'
    end as record_status,
    p.merged_into_patient_key,
    coalesce(l.linked_patient_keys, {{ empty_array() }}) as linked_patient_keys,
    p.source_system,
    p.source_ref,
    p.recorded_at,
    {{ flags([
        ['birth_date_conflict', 'p.birth_dates > 1'],
        ['sex_conflict', 'p.sexes > 1'],
        ['merge_conflict', 'c.own_patient_key is not null'],
        ['no_medical_record_number', "p.own_type <> 'MR'"],
    ]) }} as quality_flags
from persons as p
left join merge_conflicts as c on c.own_patient_key = p.own_patient_key
left join links as l on l.patient_key = p.own_patient_key
