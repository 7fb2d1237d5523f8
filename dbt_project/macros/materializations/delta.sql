{#- Stores a model as a candidate version of a Delta table (lakeward.lake.candidate) and shows it as
    a view. Nothing is stored in the catalogue file, and an unchanged table gets no new version. -#}
{% materialization delta, adapter="duckdb" %}
  {%- set target_relation = this.incorporate(type='view') -%}
  {{ run_hooks(pre_hooks) }}
  {%- if config.get('contract').enforced -%}
    {%- do get_assert_columns_equivalent(sql) -%}
  {%- endif -%}
  {% call statement('main') -%}
    select 'stored as Delta by lakeward.lake.candidate' as note
  {%- endcall %}
  {{ adapter.commit() }}
  {%- do adapter.store_relation('lake', target_relation, [], model.name, 'delta', {'sql': sql}) -%}
  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
