# Two images: `service` (the default, without mlflow) and `sandbox` (a Databricks to practise on, with mlflow in it).
#   docker build --target service --tag causeway .
#   docker build --target sandbox --tag causeway-sandbox .
# The version tag is pinned here; pin the digest, too, where your registry is known.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY requirements-build.lock requirements-service.lock ./
RUN python -m venv tools && tools/bin/pip install --only-binary :all: --require-hashes -r requirements-build.lock
RUN python -m venv /opt/causeway \
 && /opt/causeway/bin/pip install --only-binary :all: --require-hashes -r requirements-service.lock
COPY pyproject.toml README.md LICENSE ./
COPY jobs jobs
COPY migrations migrations
COPY app app
# The jobs' wheel first: it is package data of the service's own. A fixed time makes the same sources the same bytes.
ENV SOURCE_DATE_EPOCH=1735689600
RUN cd jobs && ../tools/bin/python -m hatchling build --target wheel --directory ../app/wheels
RUN tools/bin/python -m hatchling build --target wheel --directory dist
# pip goes last: nothing is installed into a finished image. It has compiled every module, as the image may be read-only.
RUN /opt/causeway/bin/pip install --no-deps --no-index dist/causeway-*.whl \
 && /opt/causeway/bin/pip uninstall --yes --quiet setuptools pip

FROM builder AS sandbox-builder
COPY requirements-sandbox.lock ./
RUN python -m venv --clear /opt/causeway \
 && /opt/causeway/bin/pip install --only-binary :all: --require-hashes -r requirements-sandbox.lock
RUN /opt/causeway/bin/pip install --no-deps --no-index dist/causeway-*.whl \
 && /opt/causeway/bin/pip uninstall --yes --quiet setuptools pip

FROM ${PYTHON_IMAGE} AS runtime
LABEL org.opencontainers.image.title="Causeway" \
      org.opencontainers.image.description="Carries machine-learning models between Databricks workspaces." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
# Fixed ids, so that volumes and secrets can be given to them from outside.
RUN groupadd --gid 10001 causeway \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin causeway \
 && install --directory --owner causeway --group causeway --mode 0700 /var/lib/causeway \
 && install --directory --owner causeway --group causeway --mode 0750 /etc/causeway
ENV PATH=/opt/causeway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CAUSEWAY_CONFIG=/etc/causeway/causeway.yaml \
    CAUSEWAY_DATA=/var/lib/causeway
WORKDIR /var/lib/causeway
ENTRYPOINT ["causeway"]

FROM runtime AS sandbox
# lightgbm asks for OpenMP, and grants.sh for curl.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends curl libgomp1 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=sandbox-builder /opt/causeway /opt/causeway
USER 10001:10001
VOLUME /var/lib/causeway
CMD ["sandbox", "--state", "/var/lib/causeway", "--port", "dev=8811", "--port", "prod=8812"]

# The last stage is what a build without a target makes.
FROM runtime AS service
COPY --from=builder /opt/causeway /opt/causeway
USER 10001:10001
VOLUME /var/lib/causeway
EXPOSE 8800
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8800/livez', timeout=4)"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8800"]
