"""GET /, /customers, /operations and what their pages need: the dashboards in the browser."""

import json
from collections.abc import Callable
from functools import cache
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import HTMLResponse

from api.access import may
from api.state import WarehouseDep
from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import Warehouse

router = APIRouter(include_in_schema=False, dependencies=[may("read")])

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load and run: its own files, nothing inline, nothing from elsewhere."""

HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}

DRAWN_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Charts that were drawn on the server carry their styles with them."""

Asked = Annotated[str | None, Query(max_length=100)]


@router.get("/", response_class=HTMLResponse)
def sales(
    warehouse: WarehouseDep, region: Asked = None, period: Asked = None, currency: Asked = None, charts: Asked = None
) -> HTMLResponse:
    """The dashboard Sales overview."""
    return _dashboard(warehouse, "sales", {"region": region, "period": period, "currency": currency}, charts)


@router.get("/customers", response_class=HTMLResponse)
def customers(warehouse: WarehouseDep, currency: Asked = None, charts: Asked = None) -> HTMLResponse:
    """The dashboard Customers and returns."""
    return _dashboard(warehouse, "customers", {"currency": currency}, charts)


@router.get("/operations", response_class=HTMLResponse)
def operations(warehouse: WarehouseDep, load_id: Annotated[str | None, Query(max_length=200)] = None) -> HTMLResponse:
    """Loads, bridge, quarantine, checks and freshness."""
    from retail_pipeline.dashboards.pages import operations_page

    return _page(warehouse, lambda connection: operations_page(connection, load_id), POLICY)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A file that the pages need."""
    from retail_pipeline.dashboards.pages import STATIC

    if name in ("vega.js", "world.json"):
        content = _vega() if name == "vega.js" else _world()
    elif name in ("style.css", "dashboards.js"):
        content = (STATIC / name).read_text(encoding="utf-8")
    else:
        raise HTTPException(404)
    kind = {"js": "text/javascript", "css": "text/css", "json": "application/json"}[name.rpartition(".")[2]]
    return Response(content, media_type=kind, headers=HEADERS | {"Cache-Control": "max-age=3600"})


def _dashboard(warehouse: Warehouse, name: str, asked: dict[str, str | None], charts: str | None) -> HTMLResponse:
    from retail_pipeline.dashboards.pages import dashboard_page

    drawn = charts == "drawn"
    return _page(
        warehouse,
        lambda connection: dashboard_page(connection, name, asked, with_script=not drawn),
        DRAWN_POLICY if drawn else POLICY,
    )


def _page(warehouse: Warehouse, page: Callable[[sa.Connection], str], policy: str) -> HTMLResponse:
    from retail_pipeline.dashboards.pages import problem_page

    headers = HEADERS | {"Content-Security-Policy": policy}
    try:
        with warehouse.reading() as connection:
            return HTMLResponse(page(connection), headers=headers)
    except BadInput as problem:
        return HTMLResponse(problem_page(str(problem)), 404, headers)


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script, out of the installed package."""
    import vl_convert

    from retail_pipeline.dashboards.charts import VEGA_LITE

    return vl_convert.javascript_bundle(vl_version=VEGA_LITE)


@cache
def _world() -> str:
    from retail_pipeline.dashboards.shapes import world

    return json.dumps({"type": "FeatureCollection", "features": world()}, separators=(",", ":"))
