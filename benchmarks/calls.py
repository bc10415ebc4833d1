"""Counts what each thing that a client does costs: the handlers run on moto's tables and a loopback management API.

Usage: ``python -m benchmarks.calls`` in the environment of a function. Prints JSON: costs by case, then by name.
"""

import json
import os
import sys

from moto import mock_aws

from handlers.tables.aws import dynamodb
from tests.handlers.chat import Chat
from tests.handlers.costs import FRAMES, POST, READ, THRESHOLD, WRITE, Costs, measure
from tests.handlers.management_api_server import ManagementApiServer
from tests.handlers.tables import CHANGES, READ_MARKERS, Tables

WHY = {
    "PutItem": "stores the connection, the row of a group that is joined, the message, how far a user has read, or "
    "that a message is changed. Its condition also finds a retry",
    "DeleteItem": "deletes the connection, or a group row of a group that is left",
    "GetItem": "reads consistently whether the connection is still registered. A join reads it before and after",
    "BatchGetItem": "reads the names of the groups that the connection has joined, or consistently the messages that "
    "were or are changed",
    "BatchWriteItem": "deletes the group rows of a connection that has ended",
    "Query": "counts the user's connections, or lists who is connected: one query for each megabyte of the group, "
    "which is about 5,700 connections. A page of history takes a second one if more than 8 messages fit into it. A "
    "list of groups takes one for how far the user has read, one for the last message of each group, and one for each "
    "group with unread messages. With `changes`, a catch-up takes one more for each group",
    "UpdateItem": "counts the frame against its connection's rate, and reads consistently who speaks in which group. "
    "Where a client of protocol 1 is in the group, a send with a `clientMessageId` needs a second one. It records that "
    "everyone was served, so that a retry is not pushed again. A join or leave changes the set of groups in the "
    "connection's row. An edit, a deletion or a reaction changes the message",
    "DeleteConnection": "closes a connection, one call for each. A program of the owner disconnects a user",
    "Scan": "reads the messages table for a program that exports or erases a user's data: one for each megabyte",
    "Invoke": "hands a slice over to another invocation: one for each `broadcastThreshold` recipients after the first",
    POST: "one for each recipient, because API Gateway has no call for several. One more for the sender: ack or error",
    READ: "of DynamoDB, from the sizes of the rows",
    WRITE: "of DynamoDB, from the sizes of the rows, with the indexes",
    FRAMES: "of API Gateway, in both directions",
}
"""Why each operation is needed, and what is billed. An operation without a reason stops the report."""


def count() -> dict[str, Costs]:
    """Return the costs, by case."""
    os.environ |= {"BROADCAST_THRESHOLD": str(THRESHOLD), "READ_MARKERS_TABLE": READ_MARKERS, "CHANGES_TABLE": CHANGES}
    with ManagementApiServer() as gateway, mock_aws():
        os.environ["CALLBACK_URL"] = gateway.url
        return measure(Chat(Tables(dynamodb()), gateway))


if __name__ == "__main__":
    json.dump(count(), sys.stdout)
