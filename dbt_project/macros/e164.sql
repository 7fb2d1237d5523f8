{# A phone number as E.164 (+16175550100); one without a country is taken as North American. Text
   that cannot be dialled becomes NULL. #}
{% macro e164(phone) -%}
case
    when {{ phone }} like '+%' and length({{ digits(phone) }}) between 8 and 15 then '+' || {{ digits(phone) }}
    when length({{ digits(phone) }}) = 10 then '+1' || {{ digits(phone) }}
    when length({{ digits(phone) }}) = 11 and {{ digits(phone) }} like '1%' then '+' || {{ digits(phone) }}
end
{%- endmacro %}
