-- Grain: one row per visit named in a message (message, patient_group), with its numbers and the authority
-- that each is taken to be of (int__identifier_authority).
{% set numbers = [
    ('visit_number', 'visit', 'visit_number_authority', 'visit_number'),
    ('alternate', 'visit', 'alternate_visit_authority', 'alternate_visit_number'),
    ('preadmit', 'visit', 'preadmit_authority', 'preadmit_number'),
    ('prior', 'visit', 'prior_visit_authority', 'prior_visit_number'),
    ('account', 'account', 'account_authority', 'account_number'),
] %}
select
    v.source_system,
    v.received,
    v.message,
    v.patient_group,
    v.message_type,
    v.trigger_event,
    v.statement_order,
    v.feed,
    p.own_patient_key,
    p.patient_key,
    {% for name, kind, authority, number in numbers %}
    coalesce(v.{{ authority }}, {{ name }}_found.authority, v.sender) as {{ authority }},
    v.{{ number }},
    coalesce(v.{{ authority }}, {{ name }}_found.authority, v.sender) || '|' || v.{{ number }}
        as {{ name }}_text,
    {% endfor %}
    coalesce(visit_number_found.is_ambiguous, false) as is_ambiguous
from {{ ref('stg_hl7v2__visit') }} as v
left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('v', 'p') }}
{% for name, kind, authority, number in numbers %}
{{ join_number_authority(
    ref('int__identifier_authority'), name ~ '_found', kind, 'v', number, 'v.sender', 'p'
) }}
{% endfor %}
