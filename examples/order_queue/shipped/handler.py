"""Tells customers in the chat that their orders have shipped. Each order is a message of the queue."""

import json
import logging
import os
from typing import Any

import boto3

functions = boto3.client("lambda")
logger = logging.getLogger(__name__)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publish each order. The queue delivers those again that could not be published."""
    failed = [record["messageId"] for record in event["Records"] if not handled(record)]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def handled(record: dict[str, str]) -> bool:
    """Publish an order. Whatever happens to it, the other orders are published."""
    try:
        return publish(json.loads(record["body"]))
    except Exception:
        logger.exception("the order in the message %s of the queue is not published", record["messageId"])
        return False


def publish(order: dict[str, str]) -> bool:
    """Write to the group of an order. Returns whether the message is there."""
    answer = functions.invoke(
        FunctionName=os.environ["PUBLISH_FUNCTION"],
        Payload=json.dumps(
            {
                "action": "sendMessage",
                "groupId": order["groupId"],
                "message": f"Your order {order['orderId']} has shipped",
                # The queue may deliver an order twice. The chat then says it once.
                "clientMessageId": f"order {order['orderId']} shipped",
            }
        ),
    )
    if "FunctionError" in answer:
        return False
    answer = json.load(answer["Payload"])
    problems = [answer["error"]] if "error" in answer else [one for one in answer["groups"] if "code" in one]
    for problem in problems:
        logger.warning("%s: %s", problem["code"], problem["message"])
    return not problems
