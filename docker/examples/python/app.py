"""Greets whom the event names."""


def handler(event, context):
    """The function."""
    print("greeting", event["name"])
    return {"greeting": f"Hello, {event['name']}!", "remaining": context.get_remaining_time_in_millis()}
