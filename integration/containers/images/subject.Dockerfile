# An image of somebody's, with the supervisor and the programs of the tests in it.
ARG SUPERVISOR
ARG BUSYBOX
ARG BASE
FROM ${SUPERVISOR} AS supervisor
FROM ${BUSYBOX} AS busybox

FROM ${BASE}
COPY --from=busybox /bin/busybox /bin/busybox
COPY --from=supervisor /opt/supervisor /opt/supervisor
COPY integration/containers/peers /peers
COPY tests/actors /actors
ENTRYPOINT ["/opt/supervisor"]
