-- Grain: one row per statement of a feed about a patient, in one shape for messages and resources.
{% set shared_columns -%}
source_system,
    source_ref,
    recorded_at,
    statement_order,
    feed,
    own_patient_key,
    own_authority,
    own_type,
    own_value,
    family_name,
    given_names,
    administrative_sex,
    phone_mobile,
    phone_home,
    phone_work,
    email,
    address_line,
    city,
    state,
    postal_code,
    preferred_language,
    deceased_at,
    is_active
{%- endset %}
select
    {{ shared_columns }},
    birth_date,
    is_deceased,
    -- Messages have no flag for it; the export marks test patients (`HTEST`).
    false as is_test
from {{ ref('stg_hl7v2__patient') }}
union all
select
    {{ shared_columns }},
    -- As text, as messages state it: only text can say that a field was cleared (`""`).
    cast(birth_date as string) as birth_date,
    case when is_deceased then 'true' when not is_deceased then 'false' end as is_deceased,
    coalesce(is_test, false) as is_test
from {{ ref('stg_fhir__patient') }}
