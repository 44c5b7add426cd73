# What docker/Dockerfile makes, from a file that is built already.
FROM scratch
ARG TARGETARCH
COPY supervisor-linux-$TARGETARCH /opt/supervisor
ENTRYPOINT ["/opt/supervisor"]
