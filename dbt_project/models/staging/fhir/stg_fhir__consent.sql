-- Grain: one row per way of contact and purpose that the winning version of a Consent decides on.
-- The innermost provision that speaks of both decides; of equals a denial. A permission that holds under
-- conditions is none (conditions: a scope other than privacy, an actor, data, a period that does not hold, a
-- verification that failed); a denial counts whatever its conditions, and for treatment whatever its purpose.
{% set zone = source_zone('c.source') %}
{% set references = ref('stg_fhir__reference') %}
with consents as (
    select
        c.*,
        s.effect,
        (
            -- Of two rules the stricter: deny sorts before permit.
            select min(r.effect)
            from {{ ref('consent_statement') }} as r
            where
                r.element = 'policyRule'
                and r.effect in ('permit', 'deny')
                and {{ names_one_of('r.code', 'c.policy_rule_codes') }}
        ) as policy,
        {{ names_one_of("'patient-privacy'", 'c.scope_codes') }} and not coalesce(c.is_refuted, false)
            as may_permit
    from {{ current_version(source('lake', 'fhir__consent'), ref('stg_fhir__version'), 'Consent') }} as c
    inner join {{ ref('consent_statement') }} as s
        on s.element = 'status' and s.code = c.status and s.effect in ('counts', 'refusal')
),

-- A Consent without a provision says what its policy rule says.
rules as (
    select
        c.source,
        c.received,
        c.line,
        c.id,
        c.may_permit,
        coalesce(p.depth, 0) as depth,
        p.channel_codes,
        p.purpose_codes,
        coalesce(p.is_conditional, false) as is_conditional,
        case
            when c.effect = 'refusal' or (coalesce(p.depth, 0) = 0 and c.policy = 'deny') then 'deny'
            when not coalesce(p.is_turned, false) then coalesce(p.stated_type, c.policy)
            when coalesce(p.stated_type, c.policy) = 'permit' then 'deny'
            when coalesce(p.stated_type, c.policy) = 'deny' then 'permit'
        end as decision
    from consents as c
    left join {{ ref('stg_fhir__consent_provision') }} as p
        on {{ same_row('p', 'c') }} and (c.effect = 'counts' or p.depth = 0)
),

valid_rules as (
    select *
    from rules
    where decision = 'deny' or (decision = 'permit' and may_permit and not is_conditional)
),

named_channels as (
    select distinct source, received, line, id, {{ explode(words_of('channel_codes')) }} as channel
    from valid_rules
    where channel_codes is not null
),

-- Ways of contact that need a row: those named, any other one, and where both are spoken of, each of ours.
channels as (
    select source, received, line, id, channel, true as is_named
    from named_channels
    union all
    select distinct r.source, r.received, r.line, r.id, o.channel, false as is_named
    from valid_rules as r
    cross join (
        select 'any' as channel
        union all
        select code as channel
        from {{ ref('consent_statement') }}
        where element = 'channel'
    ) as o
    where
        r.channel_codes is null
        and not exists (
            select 1
            from named_channels as n
            where {{ same_row('n', 'r') }} and n.channel = o.channel
        )
),

purposes as (
    select distinct source, received, line, id, {{ explode(words_of('purpose_codes')) }} as purpose
    from valid_rules
    where purpose_codes is not null
    union
    select distinct source, received, line, id, 'TREAT' as purpose
    from valid_rules
),

covered as (
    select
        h.source,
        h.received,
        h.line,
        h.id,
        h.channel,
        h.is_named,
        u.purpose,
        r.decision,
        row_number() over (
            partition by h.source, h.received, h.line, h.id, h.channel, u.purpose
            order by r.depth desc, r.decision
        ) as choice
    from channels as h
    inner join purposes as u on {{ same_row('u', 'h') }}
    inner join valid_rules as r
        on {{ same_row('r', 'h') }}
        and (r.channel_codes is null or {{ names_one_of('h.channel', 'r.channel_codes') }})
        and (
            r.purpose_codes is null
            or {{ names_one_of('u.purpose', 'r.purpose_codes') }}
            or (r.decision = 'deny' and u.purpose = 'TREAT')
        )
),

decided as (
    select
        *,
        -- "Not at all, but by text message": the denial of any other way must not take that one back.
        max(case when channel = 'any' and decision = 'deny' then 1 else 0 end) over (
            partition by source, received, line, id, purpose
        ) = 1
        and max(case when is_named and decision = 'permit' then 1 else 0 end) over (
            partition by source, received, line, id, purpose
        ) = 1 as is_spelled_out
    from covered
    where choice = 1
)

select
    {{ fhir_origin('c') }},
    {{ fhir_order('c') }} as statement_order,
    coalesce(
        c.patient_id, {{ named_id(references, 'c', 'Consent', 'patient', 'Patient') }}
    ) as patient_resource_id,
    d.channel,
    d.purpose,
    d.decision = 'permit' as is_permitted,
    c.effect = 'refusal' as is_refusal,
    case
        when {{ fhir_time_precision('c.decided_text') }} not in ('year', 'month')
            then {{ fhir_time_at('c.decided_text', zone) }}
    end as decided_at,
    c.decided_text,
    {{ fhir_time_at('c.decided_text', zone) }} as decided_earliest_at,
    {{ fhir_placed_at('c.decided_text', 'c.stated_at', zone) }} as decided_latest_at
from decided as d
inner join consents as c on {{ same_row('c', 'd') }}
where
    d.is_named
    or (d.channel = 'any' and not d.is_spelled_out)
    or (d.channel <> 'any' and d.is_spelled_out)
