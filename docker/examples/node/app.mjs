export async function handler(event, context) {
  console.log("greeting", event.name);
  return { greeting: `Hello, ${event.name}!`, requestId: context.awsRequestId };
}
