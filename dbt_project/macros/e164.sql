{#- Telephone numbers as E.164, an extension kept apart behind `;ext=` (RFC 3966): +16175550100;ext=12.
    Strict: what cannot be dialled for sure is NULL, and somebody calls by hand. -#}

{#- How extensions are written: 617-555-0100 x12, ext. 12, #12, ;ext=12, or 12 behind a pause (,,). -#}
{% macro extension_pattern() -%}
^(.*?[0-9)])[ ]*(?:;ext=|,+|;|#|x|ext|extn|extension)[ .:#]*([0-9]{1,6})$
{%- endmacro %}

{#- The rows of a relation with the number (`e164`) that its column `stated` means. A number without a country
    belongs to that of the column `calling_code`, whose plan (variable `calling_plans`) has to know it;
    without one nobody guesses. Of a number with a country, `(0)` is what is dialled within it. -#}
{% macro with_numbers(relation) -%}
(
        select
            *,
            case
                when not {{ matches('written', '\\+?[0-9(][0-9 ().-]*(?:/[0-9 ().-]+)?') }} then null
                when replace(plain_digits, substr(plain_digits, 1, 1), '') = '' then null
                when written like '+%/%' then null
                when written like '+1%'
                    then case
                        when {{ matches('plain_digits', '1[2-9][0-9]{2}[2-9][0-9]{6}') }}
                            then '+' || plain_digits
                    end
                when written like '+%'
                    then case
                        when {{ matches('plain_digits', '[1-9][0-9]{7,14}') }} then '+' || plain_digits
                    end
                {%- for code, plan in var('calling_plans').items() %}
                when
                    calling_code = '{{ code }}'
                    and {{ matches('plain_digits', plan.international ~ '[1-9][0-9]{7,14}') }}
                    then '+' || substr(plain_digits, {{ plan.international | length + 1 }})
                when calling_code = '{{ code }}' and {{ matches('plain_digits', plan.national) }}
                    then '+{{ code }}' || {{ part_of('plain_digits', '^' ~ plan.national ~ '$', 1) }}
                {%- endfor %}
            end || coalesce(';ext=' || dialled_extension, '') as e164
        from (
            select
                *,
                {{ digits("case when written like '+%' then replace(written, '(0)', '') else written end") }}
                    as plain_digits
            from (
                select
                    *,
                    coalesce(nullif({{ part_of('typed', extension_pattern(), 1) }}, ''), typed) as written,
                    nullif({{ part_of('typed', extension_pattern(), 2) }}, '') as dialled_extension
                from (
                    select
                        *,
                        -- As it was typed, without `tel:` and with plain spaces and hyphens.
                        {{ part_of(
                            "lower(trim(translate(stated, '\u00a0\u2010\u2011\u2013', ' ---')))",
                            '^(?:tel:|sms:)?[ ]*(.*)$',
                            1,
                        ) }} as typed
                    from {{ relation }}
                ) as typed_numbers
            ) as written_numbers
        ) as numbers_in_digits
    )
{%- endmacro %}

{#- The number to dial of a number of the canonical store: none where that is not E.164. -#}
{% macro dialled(phone) -%}
case
        when {{ matches(phone, '\\+[1-9][0-9]{7,14}(?:;ext=[0-9]{1,6})?') }}
            then split_part({{ phone }}, ';', 1)
    end
{%- endmacro %}

{#- The country calling code of numbers without a country, by the zone of their source, else of the facility
    (variable `calling_code_zones`); the empty text in a zone that is not listed. -#}
{% macro calling_code_of(source_system) -%}
{%- set zones = var('source_time_zones', {}) -%}
{%- if zones -%}
case {{ source_system }}
    {%- for source, zone in zones.items() %}
        when '{{ source }}' then '{{ calling_code_in(zone) }}'
    {%- endfor %}
        else '{{ calling_code_in(var("time_zone")) }}'
    end
{%- else -%}
'{{ calling_code_in(var("time_zone")) }}'
{%- endif -%}
{%- endmacro %}

{#- The country calling code of a zone; the empty text for one that is not listed. -#}
{% macro calling_code_in(zone) -%}
{%- for code, zones in var('calling_code_zones').items() if zone in zones -%}{{ code }}{%- endfor -%}
{%- endmacro %}
