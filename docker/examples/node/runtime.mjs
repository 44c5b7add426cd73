// A small runtime: calls the exported function that the handler names, FILE.EXPORT, with each event.
// Its place can be taken by AWS's own, the npm package aws-lambda-ric, whose installation needs a compiler.
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

function failure(error) {
  return {
    method: "POST",
    headers: { "Lambda-Runtime-Function-Error-Type": error.name },
    body: JSON.stringify({ errorType: error.name, errorMessage: error.message, stackTrace: error.stack.split("\n") }),
  };
}

async function load(handler) {
  const [file, name] = handler.split(".");
  const module = await import(`${process.cwd()}/${file}.mjs`);
  return module[name];
}

const handler = await load(process.env._HANDLER).catch(async (error) => {
  await fetch(`${api}/init/error`, failure(error));
  process.exit(1);
});

while (true) {
  const invocation = await fetch(`${api}/invocation/next`);
  const context = { awsRequestId: invocation.headers.get("lambda-runtime-aws-request-id") };
  const place = `${api}/invocation/${context.awsRequestId}`;
  try {
    const answer = await handler(await invocation.json(), context);
    await fetch(`${place}/response`, { method: "POST", body: JSON.stringify(answer ?? null) });
  } catch (error) {
    await fetch(`${place}/error`, failure(error));
  }
}
