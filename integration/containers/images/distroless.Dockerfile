# A stand-in for gcr.io/distroless/python3: a Python, and no shell, no package manager, no ldconfig. Its user is nobody
# in particular.
ARG BASE
FROM ${BASE} AS whole
RUN rm -rf /bin/sh /bin/bash /bin/dash /bin/busybox /sbin/ldconfig /usr/bin/apt* /usr/bin/dpkg*

FROM scratch
COPY --from=whole / /
USER 65532
ENTRYPOINT ["/usr/bin/python3"]
