# Two images: `pipeline` for the code server, the daemon and Dagster's web server, and `api` without Dagster and Great
# Expectations.

FROM python:3.13-slim-trixie AS wheel
WORKDIR /source
COPY pyproject.toml README.md ./
COPY api api
COPY retail_pipeline retail_pipeline
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# What both have. The folders are made here because a new volume takes over whose they are.
FROM python:3.13-slim-trixie AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1
RUN useradd --uid 1000 --create-home retail \
    && install --directory --owner=retail --group=retail /var/lib/retail /opt/dagster /opt/dagster/storage
COPY requirements-api.txt /tmp/
RUN pip install --no-cache-dir --requirement /tmp/requirements-api.txt

FROM base AS api
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl
USER 1000
WORKDIR /var/lib/retail
EXPOSE 8000
CMD ["uvicorn", "api.main:app", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS pipeline
COPY requirements.txt /tmp/
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl
COPY dagster.yaml workspace.yaml /opt/dagster/
USER 1000
WORKDIR /opt/dagster
EXPOSE 3000 4000
CMD ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", "4000", "--module-name", "retail_pipeline.definitions"]
