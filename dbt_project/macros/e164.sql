{#- A phone number as E.164 (+16175550100); one without a country is taken as North American. Text
    that cannot be dialled becomes NULL. -#}
{% macro e164(phone) -%}
{%- set number = digits(phone) -%}
case
    when {{ phone }} like '+%' and length({{ number }}) between 8 and 15 then '+' || {{ number }}
    when length({{ number }}) = 10 then '+1' || {{ number }}
    when length({{ number }}) = 11 and {{ number }} like '1%' then '+' || {{ number }}
end
{%- endmacro %}
