# A stand-in for public.ecr.aws/lambda/python, with its traits: the folders, the variables, the bootstrap, and an entry
# point that starts an emulator unless it is on Lambda.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates python3-venv \
 && python3 -m venv /var/lang \
 && /var/lang/bin/pip install --quiet --no-cache-dir awslambdaric \
 && rm -rf /var/lib/apt/lists
COPY lambda-entrypoint.sh /
COPY bootstrap /var/runtime/bootstrap
ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \
    LANG=en_US.UTF-8 \
    TZ=:/etc/localtime \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
