"""The function: an ordinary Lambda handler, which knows nothing of the supervisor."""

from typing import Any

print("handler.py is loaded")


def greet(event: dict[str, Any], context: Any) -> dict[str, str]:
    print(f"greeting {event['name']}")
    return {"greeting": f"Hello, {event['name']}!", "function": context.function_name}
