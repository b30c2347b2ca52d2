# One image for every Airflow component and for the receiver. It holds no secret, no identity and no trial data.
FROM apache/airflow:3.3.2-python3.11

COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /usr/local/bin/uv

USER root
# Home of the vault's secret, staging and packages: a volume, writable for whatever user of group 0 the site chooses.
RUN install --directory --owner=airflow --group=0 --mode=0770 /srv/pacs2trial

USER airflow
WORKDIR /opt/pacs2trial
COPY --chown=airflow:0 pyproject.toml constraints.txt README.md LICENSE ./
COPY --chown=airflow:0 include include
COPY --chown=airflow:0 plugins plugins
COPY --chown=airflow:0 demo demo
COPY --chown=airflow:0 dags dags
RUN uv pip install --no-cache --compile-bytecode \
        --constraint constraints.txt --build-constraint constraints.txt ".[cluster]"

ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/pacs2trial/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/pacs2trial/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    PACS2TRIAL_HOME=/srv/pacs2trial/home \
    PACS2TRIAL_TRIALS=/opt/pacs2trial/include/trials
