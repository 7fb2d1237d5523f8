-- Grain: one row per statement of a feed about a patient, in one shape for messages and resources.
{% set shared = ['family_name', 'given_names', 'administrative_sex', 'phone_mobile', 'phone_home', 'phone_work', 'email', 'address_line', 'city', 'state', 'postal_code', 'preferred_language'] %}
select
    source_system,
    source_ref,
    recorded_at,
    statement_order,
    feed,
    own_patient_key,
    own_authority,
    own_type,
    own_value,
    {% for name in shared %}{{ name }},
    {% endfor %}birth_date,
    is_deceased,
    deceased_at,
    is_active,
    false as is_test
from {{ ref('stg_hl7v2__patient') }}
union all
select
    source_system,
    source_ref,
    recorded_at,
    statement_order,
    feed,
    own_patient_key,
    own_authority,
    own_type,
    own_value,
    {% for name in shared %}{{ name }},
    {% endfor %}cast(birth_date as varchar) as birth_date,
    case when is_deceased then 'true' when not is_deceased then 'false' end as is_deceased,
    deceased_at,
    is_active,
    coalesce(is_test, false) as is_test
from {{ ref('stg_fhir__patient') }}
