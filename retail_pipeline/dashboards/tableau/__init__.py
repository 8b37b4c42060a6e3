"""The dashboards as files for Tableau: workbook, data sources, packaged extract, and what looks them over."""
