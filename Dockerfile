# An image for CI with ecsauth as its command. Everything it installs is in wheels/, so that the build needs no network:
#
#   scripts/build-release dist
#   python3 -m pip wheel --wheel-dir wheels dist/*.whl
#   docker build --build-arg BASE=python:3.13-slim@sha256:… -t ecsauth .
#
# BASE has no default: name an image with Python 3.9 or later and pip, by its digest.
ARG BASE
FROM ${BASE} AS build
COPY wheels /wheels
RUN python3 -m pip install --no-cache-dir --no-index --no-compile --find-links=/wheels --target=/opt/ecsauth ecsauth

FROM ${BASE}
COPY --from=build /opt/ecsauth /opt/ecsauth
ENV PATH=/opt/ecsauth/bin:${PATH} PYTHONPATH=/opt/ecsauth PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
# A number, so that Kubernetes can verify that it is not root. The files are root's.
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["ecsauth"]
