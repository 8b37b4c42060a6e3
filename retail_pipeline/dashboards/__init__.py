"""The dashboards: described once in dashboards.yaml, shown in the browser and written for Tableau."""
