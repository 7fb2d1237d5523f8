{{ config(materialized='table', database='scratch') }}
-- Grain: one row per provision of the winning version of a Consent, with what it decides, for what, and which
-- provisions it stands in. The tree follows from document order and the number of provisions in each: walking
-- through it, `open_after` counts how many announced provisions are still to come, and a provision ends where
-- that falls below what it was before.
{% set known_type = "case when provision_type in ('permit', 'deny') then provision_type end" %}
{% set walk %}partition by source, received, line, id order by ordinal{% endset %}
with provisions as (
    select
        *,
        sum(nested_provisions - 1) over ({{ walk }} rows unbounded preceding) as open_after
    from {{ current_version(
        source('lake', 'fhir__consent_provision'), ref('stg_fhir__version'), 'Consent'
    ) }} as p
),

ends as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.ordinal,
        min(later.ordinal) as last_ordinal
    from provisions as p
    inner join provisions as later
        on {{ same_row('later', 'p') }}
        and later.ordinal >= p.ordinal
        and later.open_after < p.open_after - (p.nested_provisions - 1)
    group by p.source, p.received, p.line, p.id, p.ordinal
),

-- Each provision with those that it stands in, itself among them: depth 0 is itself, 1 the one around it.
chains as (
    select
        p.source,
        p.received,
        p.line,
        p.id,
        p.ordinal,
        outer_p.ordinal as outer_ordinal,
        outer_p.provision_type,
        outer_p.channel_codes,
        outer_p.purpose_codes,
        outer_p.is_about_other_codes
        or outer_p.is_about_some_data
        or (
            outer_p.has_actor
            and not {{ names_one_of('c.organization_references', 'outer_p.actor_references') }}
        )
        or not {{ period_holds('outer_p') }}
        or (
            outer_p.action_codes is not null
            and not exists (
                select 1
                from {{ ref('consent_statement') }} as s
                where
                    s.element = 'action'
                    and s.effect = 'unconditional'
                    and {{ names_one_of('s.code', 'outer_p.action_codes') }}
            )
        ) as is_conditional,
        row_number() over (
            partition by p.source, p.received, p.line, p.id, p.ordinal order by outer_p.ordinal desc
        ) - 1 as distance
    from provisions as p
    inner join provisions as outer_p
        on {{ same_row('outer_p', 'p') }}
        and outer_p.ordinal <= p.ordinal
    inner join ends as e
        on {{ same_row('e', 'outer_p') }}
        and e.ordinal = outer_p.ordinal
        and e.last_ordinal >= p.ordinal
    inner join {{ source('lake', 'fhir__consent') }} as c
        on {{ same_row('c', 'p') }}
),

-- What a provision leaves open is what the one around it says. One without a type is an exception to it.
typed as (
    select
        source,
        received,
        line,
        id,
        ordinal,
        max(distance) as depth,
        min(case when provision_type in ('permit', 'deny') then distance end) as type_distance,
        {{ earliest_by(known_type, 'distance') }} as stated_type,
        {{ earliest_by('channel_codes', 'distance') }} as channel_codes,
        {{ earliest_by('purpose_codes', 'distance') }} as purpose_codes,
        max(case when is_conditional then 1 else 0 end) = 1 as is_conditional
    from chains
    group by source, received, line, id, ordinal
)

select
    source,
    received,
    line,
    id,
    ordinal,
    cast(depth as bigint) as depth,
    -- Exceptions to exceptions turn again; a root without a type waits for the policy rule (null).
    stated_type,
    cast(coalesce(type_distance, depth) as bigint) % 2 = 1 as is_turned,
    channel_codes,
    purpose_codes,
    is_conditional
from typed
