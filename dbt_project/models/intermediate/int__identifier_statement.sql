-- Grain: one row per number of a visit, appointment, order or referral that a record states, with the
-- authority where it states one. `subject` is the patient: the number of two people is two numbers. Of an
-- appointment of a group the first patient stands for all.
{% set visit_numbers = [
    ('visit', 'visit_number_authority', 'visit_number'),
    ('visit', 'alternate_visit_authority', 'alternate_visit_number'),
    ('visit', 'preadmit_authority', 'preadmit_number'),
    ('visit', 'prior_visit_authority', 'prior_visit_number'),
    ('account', 'account_authority', 'account_number'),
    ('account', 'prior_account_authority', 'prior_account_number'),
] %}
{% set appointment_numbers = [
    ('appointment_filler', 'filler_authority', 'filler_id'),
    ('appointment_placer', 'placer_authority', 'placer_id'),
    ('order_placer', 'placer_order_authority', 'placer_order_number'),
    ('order_filler', 'filler_order_authority', 'filler_order_number'),
] %}
{% set order_numbers = [
    ('order_placer', 'placer_authority', 'placer_number'),
    ('order_filler', 'filler_authority', 'filler_number'),
] %}
{% set referral_numbers = [
    ('referral', 'referral_authority', 'originating_id'),
    ('order_placer', 'external_authority', 'external_id'),
] %}
{% set stated_in_messages = [
    (ref('stg_hl7v2__visit'), 's.patient_group', visit_numbers),
    (ref('stg_hl7v2__appointment'), '1', appointment_numbers),
    (ref('stg_hl7v2__order'), 's.patient_group', order_numbers),
    (ref('stg_hl7v2__referral'), 's.patient_group', referral_numbers),
] %}
{% set stated_in_resources = [
    (ref('stg_fhir__appointment'), [
        ('appointment_filler', 'appointment_authority', 'appointment_id'),
        ('appointment_placer', 'placer_authority', 'placer_id'),
    ]),
    (ref('stg_fhir__encounter'), [('visit', 'visit_number_authority', 'visit_number')]),
    (ref('stg_fhir__service_request'), order_numbers + [('referral', 'referral_authority', 'referral_id')]),
] %}
with numbers as (
    {% for relation, patient_group, numbers in stated_in_messages %}
    {% for kind, authority, number in numbers %}
    select
        '{{ kind }}' as kind,
        s.source_system,
        s.sender,
        s.{{ number }} as identifier_value,
        s.{{ authority }} as stated_authority,
        p.patient_key as subject
    from {{ relation }} as s
    left join {{ ref('int__message_patient') }} as p
        on {{ same_staged_message('s', 'p') }} and p.patient_group = {{ patient_group }}
    union all
    {% endfor %}
    {% endfor %}
    {% for relation, numbers in stated_in_resources %}
    {% set is_last_relation = loop.last %}
    {% for kind, authority, number in numbers %}
    select
        '{{ kind }}' as kind,
        s.source_system,
        s.source_system as sender,
        s.{{ number }} as identifier_value,
        s.{{ authority }} as stated_authority,
        p.patient_key as subject
    from {{ relation }} as s
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = s.source_system and p.resource_id = s.patient_resource_id
    {{ "union all" if not (loop.last and is_last_relation) }}
    {% endfor %}
    {% endfor %}
)

select distinct
    kind,
    source_system,
    sender,
    identifier_value,
    stated_authority,
    coalesce(subject, '') as subject
from numbers
where identifier_value is not null
