# HEAT Explorer in a container, with torch for CPUs. docs/install.md says how to build and start it.
# For a GPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PATH=/opt/heat/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/heat && pip install "torch>=2.11" "torchvision>=0.26" --index-url "$TORCH_INDEX"
WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE ./
COPY heat_core heat_core
COPY app app
# hadolint ignore=DL3013
RUN pip install ".[app,map,parquet,heif]"

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 1000 heat && install --directory --owner=heat --group=heat /data
COPY --from=build /opt/heat /opt/heat
# The server must listen on the container's own address to be published. It still refuses every request unless
# HEAT_ALLOW_REMOTE=1 is given when the container is started.
ENV PATH=/opt/heat/bin:$PATH \
    HEAT_HOME=/data \
    PYTHONUNBUFFERED=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
USER 1000
WORKDIR /home/heat
VOLUME /data
EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", "from os import environ; from urllib.request import urlopen; path = environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/') + '/_stcore/health'; urlopen(f'http://127.0.0.1:{environ[\"STREAMLIT_SERVER_PORT\"]}/' + path.lstrip('/'))"]
ENTRYPOINT ["heat"]
CMD ["app", "--no-browser"]
