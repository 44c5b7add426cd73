"""A function that is its own runtime: the client that runs it is among its requirements."""

from awslambdaric.__main__ import main


def handler(event, context):
    """The function."""
    print("greeting", event["name"])
    return {"greeting": f"Hello, {event['name']}!"}


if __name__ == "__main__":
    main(["awslambdaric", "my-function.handler"])
