#!/bin/sh
if [ $# -ne 1 ]; then
  echo "needs the handler as its only argument" >&2
  exit 142
fi
export _HANDLER="$1"
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  echo "an emulator would start here"
  exit 1
fi
exec /var/runtime/bootstrap
