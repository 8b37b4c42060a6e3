"""What the Dagster graph promises before anything runs."""

import subprocess
import sys

import dagster as dg
import pytest

from retail_pipeline.dashboards.description import dashboard_marts
from retail_pipeline.definitions import defs
from retail_pipeline.defs.instance import open_instance
from retail_pipeline.defs.marts import CHANGES_WITH
from retail_pipeline.defs.resources import POOL
from retail_pipeline.marts.catalogue import marts, sql_schema
from retail_pipeline.marts.incremental import whole
from retail_pipeline.marts.lineage import column_lineage
from retail_pipeline.quality.catalogue import suites
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.dialect import translate

GRAPH = defs.resolve_asset_graph()


def test_every_table_and_mart_is_an_asset_that_states_its_grain():
    tables = {"raw_order_lines", "order_lines", "quarantined_lines", *marts()}
    for name in tables:
        node = GRAPH.get(dg.AssetKey(name))
        assert "One row per" in node.description, name
        assert node.owners
        assert node.kinds
        assert node.metadata["dagster/column_schema"].columns, name
    others = {"countries", "export_files", "verified_marts", "tableau_workbook", "tableau_packaged_workbook"}
    assert tables | others == {key.path[-1] for key in GRAPH.get_all_asset_keys()}


def test_every_column_of_every_asset_is_described():
    for key in GRAPH.get_all_asset_keys():
        schema = GRAPH.get(key).metadata.get("dagster/column_schema")
        for column in schema.columns if schema else ():
            assert column.description, f"{key.path[-1]}.{column.name}"


def test_every_expectation_is_a_check_and_critical_ones_block():
    declared = {
        (suite.asset_name, expectation.name): expectation.severity == "critical"
        for suite in suites()
        for expectation in suite.expectations
    }
    checks = {(key.asset_key.path[-1], key.name): GRAPH.get_check_spec(key).blocking for key in GRAPH.asset_check_keys}
    of_the_night = {key: blocks for key, blocks in checks.items() if key[0] == "verified_marts"}
    assert checks == declared | of_the_night
    assert sum(of_the_night.values()) == len(marts())


def test_whatever_writes_to_the_warehouse_is_in_its_pool():
    for job in ("ingest", "load", "refresh_marts", "marts_alone", "nightly"):
        for node in defs.resolve_job_def(job).all_node_defs:
            assert not isinstance(node, dg.OpDefinition) or node.pool == POOL, node.name


def test_the_whole_graph_can_be_served():
    defs.get_repository_def().load_all_definitions()


def test_every_mart_and_every_table_of_a_load_is_checked():
    checked = {suite.asset_name for suite in suites()}
    assert {"raw_order_lines", "order_lines", "quarantined_lines", *marts()} == checked


def test_marts_lie_downstream_of_what_their_sql_reads():
    for mart in marts().values():
        parents = {key.path[-1] for key in GRAPH.get(dg.AssetKey(mart.name)).parent_keys}
        assert parents == ({CHANGES_WITH.get(table, table) for table in mart.reads} or {"order_lines"})


def test_the_files_for_tableau_lie_downstream_of_the_marts_that_dashboards_read():
    for name in ("tableau_workbook", "tableau_packaged_workbook"):
        node = GRAPH.get(dg.AssetKey(name))
        assert {key.path[-1] for key in node.parent_keys} == {*dashboard_marts()}
        assert node.owners
        assert node.kinds


def test_the_packaged_workbook_is_written_anew_when_a_mart_that_it_shows_was_refreshed():
    pytest.importorskip("pantab", reason="without pantab there is no packaged workbook")
    packaged, mart = dg.AssetKey("tableau_packaged_workbook"), dg.AssetKey("mart_kpis")
    with dg.DagsterInstance.ephemeral() as instance:
        for key in (packaged, *GRAPH.get(packaged).parent_keys):
            instance.report_runless_asset_event(dg.AssetMaterialization(key))
        seen = dg.evaluate_automation_conditions(defs, instance)
        assert seen.get_num_requested(packaged) == 0
        instance.report_runless_asset_event(dg.AssetMaterialization(mart))
        seen = dg.evaluate_automation_conditions(defs, instance, cursor=seen.cursor)
        assert seen.get_num_requested(packaged) == 1
        instance.report_runless_asset_event(dg.AssetMaterialization(packaged))
        seen = dg.evaluate_automation_conditions(defs, instance, cursor=seen.cursor)
        assert seen.get_num_requested(packaged) == 0


def test_every_column_of_a_mart_is_traced_to_the_columns_that_it_comes_from():
    lineage = column_lineage(marts()["mart_invoice_days"])
    assert lineage["gross_sales"] == [("order_lines", "amount"), ("order_lines", "kind")]
    assert lineage["region"] == [("countries", "region")]
    assert ("running_scopes", "orders") in column_lineage(marts()["mart_kpis"])["average_order_value"]
    assert ("mart_invoice_days", "order_key") in column_lineage(marts()["running_scopes"])["orders"]
    for mart in marts().values():
        assert set(column_lineage(mart)) == set(mart.columns)


@pytest.mark.parametrize("dialect", ["mysql", "sqlite", "spark"])
def test_translating_and_tracing_a_mart_leave_its_query_as_it_is(dialect):
    for mart in marts().values():
        written = mart.query.sql("mysql")
        translate(whole(mart), dialect, sql_schema())
        column_lineage(mart)
        assert mart.query.sql("mysql") == written


def test_importing_the_graph_imports_great_expectations_nowhere():
    code = "import sys, retail_pipeline.definitions; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_api_imports_nothing_heavy_before_it_is_asked():
    heavy = "{'dagster', 'great_expectations', 'vl_convert', 'pantab', 'pandas', 'pyarrow'}"
    code = f"import sys, api.main; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from retail_pipeline.cli import main; main(['--help'], standalone_mode=False);"
        "sys.exit(bool({'dagster', 'pandas', 'sqlalchemy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_the_pool_has_its_limit_before_any_run_waits_for_it():
    with open_instance(Settings()) as instance:
        assert [(pool.name, pool.limit) for pool in instance.event_log_storage.get_pool_limits()] == [(POOL, 1)]
