-- Grain: one row per patient_key; a merged patient keeps its own row.
{% set demographics = [
    'family_name',
    'given_names',
    'name_use',
    'preferred_name',
    'birth_date',
    'administrative_sex',
    'address_line',
    'city',
    'state',
    'postal_code',
    'preferred_language',
    'interpreter_needed',
    'general_practitioner_key',
] %}
{#- What can be missing of a registration, and how it is seen; seed registration_field says what is. -#}
{% set registration_fields = [
    ('mrn', 'n.identifier_value'),
    ('family_name', 'p.family_name'),
    ('given_names', 'p.given_names'),
    ('birth_date', 'p.birth_date'),
    ('administrative_sex', "nullif(nullif(p.administrative_sex, 'unknown'), 'unmapped')"),
    ('phone', 'coalesce(p.phone_mobile, p.phone_home, p.phone_work)'),
    ('email', 'p.email'),
    ('address', 'coalesce(p.address_line, p.postal_code)'),
    ('postal_code', 'p.postal_code'),
    ('preferred_language', 'p.preferred_language'),
    ('interpreter', 'p.interpreter_needed'),
    ('general_practitioner', 'p.general_practitioner_key'),
] %}
{% set missing_fields = [] %}
{% for field, value in registration_fields %}
{% set _ = missing_fields.append([field, 'r.needs_' ~ field ~ ' and ' ~ value ~ ' is null']) %}
{% endfor %}
{#- A day of grace: who was born tonight in an eastern zone has a later date than the cut-off. -#}
{% set is_plausible_birth -%}
cast(p.birth_date as date) >= cast('{{ var("earliest_birth_date") }}' as date)
        and cast(p.birth_date as date) <= {{ add_days("cast('" ~ var("day") ~ "' as date)", 1) }}
{%- endset %}
{% set contacts = ['phone_mobile', 'phone_home', 'phone_work', 'email'] %}
with by_feed as (
    select
        own_patient_key,
        feed,
        {% for name in demographics + contacts + ['is_deceased', 'deceased_at', 'is_active'] %}
        {{ latest_by(name, 'statement_order') }} as {{ name }},
        {% endfor %}
        {% for name in contacts %}
        -- When this contact itself was stated last, not when the feed last said anything: a snapshot without
        -- a phone number must not make an old number young.
        max(case when {{ name }} is not null then statement_order end) as {{ name }}_order,
        {% endfor %}
        max(case when is_test then 1 else 0 end) as is_test,
        max(case when is_test_message then 1 else 0 end) as is_test_message,
        max(case when is_deceased = 'true' then 1 else 0 end) as was_deceased,
        max(case when is_in_conflict then 1 else 0 end) as is_in_conflict,
        max(case when is_identifying then 1 else 0 end) as is_identifying,
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
        max(f.is_in_conflict) as is_in_conflict,
        max(f.is_identifying) as is_identifying,
        {% for name in demographics %}
        {{ decided('f.' ~ name, 'a.demographics_rank') }} as {{ name }},
        {% endfor %}
        {% for name in contacts %}
        {{ decided_by_recency('f.' ~ name, 'f.' ~ name ~ '_order', 'a.contact_rank') }} as {{ name }},
        {% endfor %}
        -- Any feed: a death that one alone has heard of must keep the patient off every list.
        {% if var('disputed_death') == 'deceased' %}
        max(case when f.is_deceased = 'true' then 1 else 0 end) = 1 as is_deceased,
        {% else %}
        coalesce({{ decided('f.is_deceased', 'a.demographics_rank') }} = 'true', false) as is_deceased,
        {% endif %}
        count(distinct case when f.is_deceased in ('true', 'false') then f.is_deceased end) > 1
            as is_death_disputed,
        max(case when f.was_deceased = 1 and f.is_deceased = 'false' then 1 else 0 end) = 1
            as is_death_taken_back,
        {{ decided_at('f.deceased_at', 'a.demographics_rank') }} as deceased_at,
        min(case when f.is_active then 1 when not f.is_active then 0 end) as is_active,
        max(f.is_test) as is_test,
        max(f.is_test_message) as is_test_message,
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
merges_in_question as (
    select prior_own_key as own_patient_key
    from {{ ref('int__patient_merge') }}
    where is_in_question
    union
    select surviving_own_key as own_patient_key
    from {{ ref('int__patient_merge') }}
    where is_in_question
),

-- Whoever is merged into a record in question is in question with it.
in_question as (
    select
        p.own_patient_key,
        max(case when m.own_patient_key is not null then 1 else 0 end) over (
            partition by coalesce(p.merged_into_patient_key, p.own_patient_key)
        ) = 1 as is_in_question
    from persons as p
    left join merges_in_question as m on m.own_patient_key = p.own_patient_key
),

-- The number to show: one that identifies before one that two people share, a current one before an old.
record_numbers as (
    select
        r.own_patient_key,
        i.identifier_value,
        i.identifier_authority,
        row_number() over (
            partition by r.own_patient_key
            order by
                case when a.own_patient_key = r.own_patient_key and not a.is_contested then 0 else 1 end,
                case when i.is_old then 1 else 0 end,
                a.number_order,
                i.identifier_text
        ) as number_rank
    from {{ ref('int__patient_identifier') }} as i
    inner join {{ ref('int__patient_record') }} as r
        on r.record_ref = i.record_ref and r.part = i.part
    inner join {{ ref('int__patient_alias') }} as a on a.identifier_text = i.identifier_text
    where i.identifier_type = 'MR' and i.is_identifying
),

test_names as (
    select distinct p.own_patient_key
    from persons as p
    inner join {{ ref('placeholder_value') }} as v
        on v.element = 'family_name' and {{ is_placeholder('v', compared_value('p.family_name')) }}
),

-- Which fields a registration needs, as one row.
needed as (
    select
        {% for field, _ in registration_fields %}
        max(case when field = '{{ field }}' then 1 else 0 end) = 1 as needs_{{ field }}
        {{- "," if not loop.last }}
        {% endfor %}
    from {{ ref('registration_field') }}
),

registrations as (
    select
        p.own_patient_key,
        {{ flags(missing_fields) }} as missing_fields
    from persons as p
    cross join needed as r
    left join record_numbers as n on n.own_patient_key = p.own_patient_key and n.number_rank = 1
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
    n.identifier_value as mrn,
    n.identifier_authority as mrn_authority,
    p.family_name,
    p.given_names,
    p.name_use,
    p.preferred_name,
    case when {{ is_plausible_birth }} then cast(p.birth_date as date) end as birth_date,
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
    -- Of areas with few people no more than that (45 CFR 164.514): the whole code would name somebody.
    case
        when z.zip3 is not null then '000'
        when {{ matches('p.postal_code', '^[0-9]{5}(-?[0-9]{4})?$') }} then substr(p.postal_code, 1, 3)
    end as zip3,
    p.preferred_language,
    case p.interpreter_needed when 'true' then true when 'false' then false end as interpreter_needed,
    p.general_practitioner_key,
    m.missing_fields = {{ empty_array() }} as is_registration_complete,
    m.missing_fields,
    case
        when p.merged_into_patient_key is not null then 'merged'
        when p.is_test = 1 then 'test'
        {% if var('test_messages') == 'test' %}
        when p.is_test_message = 1 then 'test'
        {% endif %}
        {% if var('test_names') == 'test' %}
        when t.own_patient_key is not null then 'test'
        {% endif %}
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
        ['implausible_birth_date', 'not (' ~ is_plausible_birth ~ ')'],
        ['merge_conflict', 'c.is_in_question'],
        ['identity_conflict', 'p.is_in_conflict = 1'],
        ['several_people', 'o.own_patient_key is not null'],
        ['death_disputed', 'p.is_death_disputed'],
        ['death_taken_back', 'p.is_death_taken_back'],
        ['test_name', 't.own_patient_key is not null'],
        ['test_message', 'p.is_test_message = 1'],
        ['no_medical_record_number', 'n.own_patient_key is null'],
        ['not_identified', 'p.is_identifying = 0'],
    ]) }} as quality_flags
from persons as p
left join in_question as c on c.own_patient_key = p.own_patient_key
left join record_numbers as n on n.own_patient_key = p.own_patient_key and n.number_rank = 1
left join test_names as t on t.own_patient_key = p.own_patient_key
left join {{ ref('int__patient_overlay') }} as o on o.own_patient_key = p.own_patient_key
left join links as l on l.patient_key = p.own_patient_key
left join registrations as m on m.own_patient_key = p.own_patient_key
left join {{ ref('small_zip3') }} as z on z.zip3 = substr(p.postal_code, 1, 3)
